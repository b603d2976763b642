import { describe, expect, it, vi } from 'vitest';
import type { Client } from '../../src/consumers/consumers.js';
import type { Consumer } from '../../src/consumers/tapped-channel.js';
import { Resubscriber } from '../../src/watchdog/resubscriber.js';

/** A queue that is there, on a broker that answers when the test says so. */
function setUp({ version = '3.10.8', isExclusive = false } = {}) {
  let answer!: () => void;
  const asked = new Promise<void>((done) => (answer = done));
  const checkQueue = async () => {
    await asked;
    if (isExclusive) throw Object.assign(new Error('none'), { code: 404 });
  };
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
  return { answer, again, reconnect, consumer, resubscriber, back };
}

describe('a consumer that the broker has ended', () => {
  it('is started again where its queue is', async () => {
    const { answer, again, reconnect, back } = setUp();
    answer();
    await back;
    expect(again).toHaveBeenCalledTimes(1);
    expect(reconnect).not.toHaveBeenCalled();
  });

  it('has its client reconnect where its queue belonged to the connection', async () => {
    const { answer, again, reconnect, back } = setUp({ isExclusive: true });
    answer();
    await back;
    expect(reconnect).toHaveBeenCalledTimes(1);
    expect(again).not.toHaveBeenCalled();
  });

  it.each([false, true])(
    'is left alone where its connection has gone while the broker was asked (exclusive: %s)',
    async (isExclusive) => {
      const { answer, again, reconnect, consumer, back } = setUp({ isExclusive });
      consumer.status = 'lost';
      answer();
      await back;
      expect([again.mock.calls, reconnect.mock.calls]).toEqual([[], []]);
    },
  );

  it.each([false, true])(
    'is left alone where the application began to close meanwhile (exclusive: %s)',
    async (isExclusive) => {
      const { answer, again, reconnect, resubscriber, back } = setUp({ isExclusive });
      resubscriber.stop();
      answer();
      await back;
      expect([again.mock.calls, reconnect.mock.calls]).toEqual([[], []]);
    },
  );
});
