import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startPrivate, testCertificates } from '@acme/internal-testing';
import { Topology } from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cli } from '../support/cli.js';

let folder: string;
let url: string;
const { ca, server, client } = testCertificates();

/** A broker that speaks TLS, and to nobody without a certificate. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rabbitmq-tls-'));
  // The broker runs as another user.
  chmodSync(folder, 0o755);
  const files = { ca, 'server-cert': server.cert, 'server-key': server.key };
  const all = { ...files, cert: client.cert, key: client.key };
  for (const [name, pem] of Object.entries(all)) writeFileSync(join(folder, `${name}.pem`), pem);
  const port = await freePort();
  const broker = await startPrivate('rabbitmq', {
    settings: {
      'listeners.ssl.default': `127.0.0.1:${port}`,
      'ssl_options.cacertfile': join(folder, 'ca.pem'),
      'ssl_options.certfile': join(folder, 'server-cert.pem'),
      'ssl_options.keyfile': join(folder, 'server-key.pem'),
      'ssl_options.verify': 'verify_peer',
      'ssl_options.fail_if_no_peer_cert': 'true',
    },
  });
  url = broker.url.replace('amqp:', 'amqps:').replace(`:${broker.port}`, `:${port}`);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

const pem = (name: string): string => join(folder, `${name}.pem`);

it('is spoken with a certificate of your own, on a command line', async () => {
  const ls = ['dlq', 'ls', 'none', '--url', url];
  const own = ['--cert', pem('cert'), '--key', pem('key')];
  expect(await cli([...ls, '--ca', pem('ca'), ...own])).toMatchObject({
    exit: 3,
    stderr: expect.stringContaining('There is no queue "none"') as string,
  });
  expect(await cli([...ls, ...own])).toMatchObject({
    exit: 1,
    stderr: expect.stringMatching(/certificate/) as string,
  });
  expect(await cli([...ls, '--ca', pem('ca')])).toMatchObject({ exit: 1 });
});

it('is spoken by whatever connect opens', async () => {
  const tls = { ca: [ca], cert: client.cert, key: client.key };
  const queues = [{ name: 'orders' }];
  const topology = new Topology({ connect: () => connect(url, tls), queues });
  await expect(topology.plan()).resolves.toMatchObject({ entries: [{ state: 'missing' }] });
});
