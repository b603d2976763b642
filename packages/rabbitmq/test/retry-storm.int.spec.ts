// `CHAOS=full` takes the long form.
import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { connect } from 'amqplib';
import { beforeAll, describe, expect, it } from 'vitest';
import { CONSUMERS } from './support/consumers.js';

const MESSAGES = process.env['CHAOS'] === 'full' ? 5_000 : 1_000;
const PREFETCH = 100;

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

/** Hops that have no confirm yet: the most there were at once. */
class Window {
  most = 0;
  #unconfirmed = 0;

  async connect(url: string) {
    const connection = await connect(url);
    const createConfirmChannel = connection.createConfirmChannel.bind(connection);
    connection.createConfirmChannel = async () => {
      const channel = await createConfirmChannel();
      const publish = channel.publish.bind(channel);
      channel.publish = (exchange, routingKey, content, options, confirm) => {
        this.#unconfirmed += 1;
        this.most = Math.max(this.most, this.#unconfirmed);
        return publish(exchange, routingKey, content, options, (...answer) => {
          this.#unconfirmed -= 1;
          confirm?.(...answer);
        });
      };
      return channel;
    };
    return connection;
  }
}

describe.each(CONSUMERS)('a storm of failures, behind %s', (kind, open) => {
  it(`brings ${MESSAGES} messages back that fail at once, each once, with no more on their way than are in work`, async () => {
    const name = `storm-${kind.replaceAll(' ', '-')}`;
    const [queue, exchange] = [broker.name(name), broker.name(`${name}.events`)];
    const suffixes = ['retry.50', 'retry.100', 'dlq'];
    const hops = suffixes.map((suffix) => broker.name(`${name}.${suffix}`));
    const window = new Window();
    const attempts = new Map<string, number[]>();
    let handled = 0;
    const consumer = await open({
      broker,
      queue,
      exchange,
      prefetch: PREFETCH,
      module: {
        connect: () => window.connect(broker.url),
        retry: { attempts: 3, initial: 50, max: 100 },
      },
      handle: ({ message: { messageId = '', attempt } }) => {
        handled += 1;
        attempts.set(messageId, [...(attempts.get(messageId) ?? []), attempt]);
        if (attempt === 1) throw new Error('not now');
      },
    });
    const start = performance.now();
    const channel = await broker.confirmChannel();
    for (let index = 0; index < MESSAGES; index += 1)
      channel.publish(exchange, 'placed', Buffer.from('{}'), {
        type: 'placed',
        messageId: `m-${index}`,
        persistent: true,
      });
    await channel.waitForConfirms();
    await waitFor(() => handled >= 2 * MESSAGES, { deadlineMs: 60_000, what: 'every retry' });
    const seconds = (performance.now() - start) / 1_000;
    console.log(`${kind}: ${Math.round(MESSAGES / seconds)} retries per second`);
    // The last acks are on their way still.
    const depth = async (of: string) => (await broker.queue(of))?.messages ?? 0;
    await waitFor(async () => (await depth(queue)) === 0);
    await consumer.close();

    expect(attempts.size).toBe(MESSAGES);
    expect([...attempts.values()].filter((one) => String(one) !== '1,2')).toEqual([]);
    expect(window.most).toBeLessThanOrEqual(PREFETCH);
    for (const hop of hops) await expect(depth(hop)).resolves.toBe(0);
  });
});
