import { afterAll, beforeAll, expect, it } from 'vitest';
import { Topology } from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { cli } from '../support/cli.js';
import { startTlsBroker, type TlsBroker } from '../support/tls-broker.js';

let broker: TlsBroker;
beforeAll(async () => {
  broker = await startTlsBroker();
}, 60_000);
afterAll(() => broker.removeFiles());

it('is spoken with a certificate of your own, on a command line', async () => {
  const ls = ['dlq', 'ls', 'none', '--url', broker.url];
  const own = ['--cert', broker.file('cert'), '--key', broker.file('key')];
  expect(await cli([...ls, '--ca', broker.file('ca'), ...own])).toMatchObject({
    exit: 3,
    stderr: expect.stringContaining('There is no queue "none"') as string,
  });
  expect(await cli([...ls, ...own])).toMatchObject({
    exit: 1,
    stderr: expect.stringMatching(/certificate/) as string,
  });
  expect(await cli([...ls, '--ca', broker.file('ca')])).toMatchObject({ exit: 1 });
});

it('is spoken by whatever connect opens', async () => {
  const queues = [{ name: 'orders' }];
  const topology = new Topology({ connect: () => connect(broker.url, broker.options), queues });
  await expect(topology.plan()).resolves.toMatchObject({ entries: [{ state: 'missing' }] });
});
