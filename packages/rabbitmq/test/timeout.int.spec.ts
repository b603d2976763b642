import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { MessageContext } from '@acme/nest-message-context';
import { RmqConsumer } from '@acme/nest-rabbitmq';
import { once } from 'node:events';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConsumerGround } from './support/consumer-ground.js';
import { CONSUMERS, slug } from './support/consumers.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});
afterEach(ConsumerGround.closeAll);

const untilAborted = async (): Promise<never> => {
  const { signal } = MessageContext.require().message;
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason as Error;
};

describe.each(CONSUMERS)('@RmqConsumer({ timeout }) with %s', (kind, open) => {
  const ground = () =>
    new ConsumerGround(broker, open, `timeout-${slug(kind)}`, ['dlq', 'retry.100', 'retry.200']);
  const retry = { attempts: 3, initial: 100, jitter: false } as const;

  it.each(['method', 'class'] as const)(
    'on a %s ends what listens to its signal, and that is tried again with as much time',
    async (place) => {
      const { start, publish, queue } = ground();
      const { handled } = await start({
        module: { retry },
        decorators: { [place]: RmqConsumer({ timeout: '50ms' }) },
        handle: (_, count) => (count < 3 ? untilAborted() : undefined),
      });
      await publish('m-1');
      await waitFor(() => handled.length === 3);
      const took = handled.map(({ message }) => message.deadline!);
      expect(new Set(took).size).toBe(3);
      await waitFor(async () => (await broker.queue(queue))?.messages === 0);
      expect((await broker.queue(`${queue}.dlq`))?.messages ?? 0).toBe(0);
    },
  );

  it('gives each attempt that waits in its lane the same time', async () => {
    const { start, publish } = ground();
    const aborted: boolean[] = [];
    const { handled } = await start({
      module: { retry: { ...retry, initial: 50 } },
      ordered: { key: () => 'one' },
      decorators: { method: RmqConsumer({ timeout: '50ms' }) },
      handle: (_, count) => {
        aborted.push(MessageContext.require().message.signal.aborted);
        return count < 3 ? untilAborted() : undefined;
      },
    });
    await publish('m-1');
    await waitFor(() => handled.length === 3);
    expect(aborted).toEqual([false, false, false]);
  });
});
