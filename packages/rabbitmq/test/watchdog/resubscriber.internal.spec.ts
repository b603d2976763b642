import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Client } from '../../src/consumers/consumers.js';
import type { Consumer } from '../../src/consumers/tapped-channel.js';
import { Resubscriber } from '../../src/watchdog/resubscriber.js';

afterEach(() => vi.useRealTimers());

/** A queue that is there, on a broker that is being asked and answers when the test says so. */
async function setUp({ version = '3.10.8', isExclusive = false } = {}) {
  vi.useFakeTimers();
  let answer!: () => void;
  const answered = new Promise<void>((done) => (answer = done));
  const checkQueue = vi.fn<() => Promise<void>>(async () => {
    await answered;
    if (isExclusive) throw Object.assign(new Error('none'), { code: 404 });
  });
  const connection = {
    connection: { serverProperties: { product: 'RabbitMQ', version } },
    createChannel: async () => ({ checkQueue, on: () => {}, close: async () => {} }),
    on: () => {},
  };
  const again = vi.fn<() => Promise<void>>(async () => {});
  const reconnect = vi.fn<() => void>();
  const consumer = {
    queue: 'orders',
    status: 'cancelled',
    channel: { seen: () => ({ declaration: { exclusive: isExclusive } }), unsettled: new Map() },
    again,
  } as unknown as Consumer;
  const client: Client = {
    name: 'tests',
    source: {},
    virtualHost: undefined,
    isConnected: () => true,
    connection: () => connection as never,
    reconnect,
  };
  const log = { log: () => {}, warn: () => {}, error: () => {} };
  const resubscriber = new Resubscriber(5_000, log);
  const back = resubscriber.bringBack(consumer, client);
  // It may be being deleted just now, and would not be there any more when it is to be consumed.
  await vi.advanceTimersByTimeAsync(50);
  expect(checkQueue).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(200);
  expect(checkQueue).toHaveBeenCalledTimes(1);
  return { answer, again, reconnect, consumer, resubscriber, back };
}

describe('a consumer that the broker has ended', () => {
  it('is started again where its queue is', async () => {
    const { answer, again, reconnect, back } = await setUp();
    answer();
    await back;
    expect(again).toHaveBeenCalledTimes(1);
    expect(reconnect).not.toHaveBeenCalled();
  });

  it('has its client reconnect where its queue belonged to the connection', async () => {
    const { answer, again, reconnect, back } = await setUp({ isExclusive: true });
    answer();
    await back;
    expect(reconnect).toHaveBeenCalledTimes(1);
    expect(again).not.toHaveBeenCalled();
  });

  it.each([false, true])(
    'is left alone where its connection has gone while the broker was asked (exclusive: %s)',
    async (isExclusive) => {
      const { answer, again, reconnect, consumer, back } = await setUp({ isExclusive });
      consumer.status = 'lost';
      answer();
      await back;
      expect([again.mock.calls, reconnect.mock.calls]).toEqual([[], []]);
    },
  );

  it.each([false, true])(
    'is left alone where the application began to close meanwhile (exclusive: %s)',
    async (isExclusive) => {
      const { answer, again, reconnect, resubscriber, back } = await setUp({ isExclusive });
      resubscriber.stop();
      answer();
      await back;
      expect([again.mock.calls, reconnect.mock.calls]).toEqual([[], []]);
    },
  );
});
