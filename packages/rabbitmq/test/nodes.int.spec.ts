// Several nodes, and TLS: `connect` is the application's own, and retries go by what it opens.
import {
  tcpProxy,
  testBroker,
  waitFor,
  type TcpProxy,
  type TestBroker,
} from '@acme/internal-testing';
import { connectToAny } from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byTls } from './support/brokers-example.js';
import { CONSUMERS, slug, type Consumer } from './support/consumers.js';
import { startTlsBroker, type TlsBroker } from './support/tls-broker.js';

const RETRY = { attempts: 2, backoff: 'fixed', initial: 50, jitter: false } as const;
const failsOnce = (_handled: unknown, count: number): void => {
  if (count % 2 === 1) throw new Error('not now');
};
const attempts = ({ handled }: Consumer) => handled.map(({ message }) => message.attempt);

let broker: TestBroker;
let tls: TlsBroker;
beforeAll(async () => {
  [broker, tls] = await Promise.all([testBroker(), startTlsBroker()]);
}, 60_000);
afterAll(() => tls.removeFiles());

const send = async (url: string, options: object, queue: string, count: number): Promise<void> => {
  const connection = await connect(url, options);
  const channel = await connection.createConfirmChannel();
  for (let index = 0; index < count; index += 1)
    channel.sendToQueue(queue, Buffer.from('{}'), { type: 'placed', messageId: `m-${index}` });
  await channel.waitForConfirms();
  await connection.close();
};

describe.each(CONSUMERS)('%s', (kind, open) => {
  it('goes on by another node where one is down, or does not answer', async () => {
    const name = `${slug(kind)}-nodes`;
    const queue = broker.name(name);
    for (const suffix of ['retry.50', 'dlq']) broker.name(`${name}.${suffix}`);
    const nodes = [await tcpProxy(broker.url), await tcpProxy(broker.url)] as const;
    const [first, second] = nodes;
    const urls = nodes.map(({ url }) => url);
    const consumer = await open({
      broker,
      queue,
      exchange: broker.name(`${name}.events`),
      module: {
        connect: connectToAny(urls, (url) => connect(url), { timeout: 300 }),
        publishTimeout: '2s',
        retry: RETRY,
      },
      handle: failsOnce,
    });
    const retries = async (gone: TcpProxy, how: 'down' | 'halfOpen', total: number) => {
      gone[how]();
      gone.cut();
      await send(broker.url, {}, queue, 1);
      await waitFor(() => consumer.handled.length === total);
      gone.restore();
    };
    await retries(first, 'down', 2);
    await retries(second, 'halfOpen', 4);
    await retries(first, 'down', 6);
    expect(attempts(consumer)).toEqual([1, 2, 1, 2, 1, 2]);
    await consumer.close();
    await Promise.all(nodes.map((node) => node.close()));
  });

  it('retries by TLS, with a certificate of its own', async () => {
    const queue = `${slug(kind)}-tls`;
    const files = { ca: tls.file('ca'), cert: tls.file('cert'), key: tls.file('key') };
    const consumer = await open({
      broker: tls,
      tls: tls.options,
      queue,
      exchange: `${queue}.events`,
      module: { connect: byTls([tls.url], files), retry: RETRY },
      handle: failsOnce,
    });
    await send(tls.url, tls.options, queue, 1);
    await waitFor(() => consumer.handled.length === 2);
    expect(attempts(consumer)).toEqual([1, 2]);
    await consumer.close();
  });
});
