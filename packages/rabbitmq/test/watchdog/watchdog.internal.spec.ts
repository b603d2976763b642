import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Client, ConsumedQueue, Consumers } from '../../src/consumers/consumers.js';
import type { Consumer } from '../../src/consumers/tapped-channel.js';
import type { Unsettled } from '../../src/consumers/unsettled.js';
import { fakeClient } from '../support/fake-channel.internal.js';
import { Watchdog } from '../../src/watchdog/watchdog.js';

const SECOND = 1_000;

function setUp() {
  const warn = vi.fn<(text: string) => void>();
  const error = vi.fn<(text: string) => void>();
  const reconnect = vi.fn<() => void>();
  const client: Client = { ...fakeClient, name: 'golevelup', reconnect };
  const unsettled: Unsettled[] = [];
  const queues: ConsumedQueue[] = [];
  const attached: Partial<Consumer>[] = [];
  const consumers = {
    unsettled: () => unsettled,
    queues,
    channelsOf: (of = client) => [{ consumers: of === client ? attached : [] }],
  } as unknown as Consumers;
  const watchdog = new Watchdog({
    consumers,
    alsoLook: () => {},
    resubscriber: { bringBack: async () => {}, stop: () => {} },
    ackTimeoutMs: 60 * SECOND,
    log: { warn, error },
  });
  return { watchdog, warn, error, reconnect, client, unsettled, queues, attached };
}

const handledSince = (since: number): Unsettled =>
  ({
    since,
    consumer: { queue: 'orders' },
    delivery: { fields: {}, properties: { type: 'placed', messageId: 'm-1' } },
  }) as unknown as Unsettled;

describe('the watchdog', () => {
  it('names what has been handled for half of what the broker waits, once', () => {
    const { watchdog, warn, unsettled } = setUp();
    unsettled.push(handledSince(0));
    watchdog.runOnce(30 * SECOND);
    expect(warn).not.toHaveBeenCalled();
    watchdog.runOnce(31 * SECOND);
    watchdog.runOnce(50 * SECOND);
    expect(warn.mock.calls.flat()).toEqual([
      expect.stringMatching(
        /"placed" m-1 of "orders" is being handled for 31 s.*1 min \(ackTimeout\)/,
      ),
    ]);
  });

  it('has a client reconnect that is connected and does not consume, every half minute', () => {
    const { watchdog, error, reconnect, client, queues } = setUp();
    queues.push({ client, queue: 'orders', detachedSince: 0 });
    watchdog.runOnce(29 * SECOND);
    expect(reconnect).not.toHaveBeenCalled();
    watchdog.runOnce(30 * SECOND);
    watchdog.runOnce(59 * SECOND);
    expect(reconnect).toHaveBeenCalledTimes(1);
    expect(error.mock.calls.flat().join()).toContain('"orders" is not consumed although golevelup');
    watchdog.runOnce(60 * SECOND);
    expect(reconnect).toHaveBeenCalledTimes(2);
    // For health it has been detached all the time.
    expect(queues[0]!.detachedSince).toBe(0);
  });

  it.each<[string, boolean | Error]>([
    ['has no connection', false],
    ['was never connected', new Error('Not initialized')],
  ])('leaves a client alone that %s: it will come back by itself', (_, connected) => {
    const { watchdog, error, reconnect, client, queues } = setUp();
    const isConnected = (): boolean => {
      if (connected instanceof Error) throw connected;
      return connected;
    };
    queues.push({ client: { ...client, isConnected }, queue: 'orders', detachedSince: 0 });
    watchdog.runOnce(60 * SECOND);
    expect(reconnect).not.toHaveBeenCalled();
    expect(error).not.toHaveBeenCalled();
  });

  it('leaves a queue to the resubscriber whose consumer the broker has ended', () => {
    const { watchdog, reconnect, client, queues, attached } = setUp();
    queues.push({ client, queue: 'orders', detachedSince: 0 });
    attached.push({ queue: 'orders', status: 'cancelled' });
    watchdog.runOnce(60 * SECOND);
    expect(reconnect).not.toHaveBeenCalled();
  });

  it('leaves to it none of another virtual host that has the same name', () => {
    const { watchdog, reconnect, client, queues, attached } = setUp();
    queues.push({ client: { ...client }, queue: 'orders', detachedSince: 0 });
    attached.push({ queue: 'orders', status: 'cancelled' });
    watchdog.runOnce(60 * SECOND);
    expect(reconnect).toHaveBeenCalledOnce();
  });

  it('has nothing to say of what is consumed', () => {
    const { watchdog, warn, error, client, queues } = setUp();
    queues.push({ client, queue: 'orders', detachedSince: undefined });
    watchdog.runOnce(600 * SECOND);
    expect([...warn.mock.calls, ...error.mock.calls]).toEqual([]);
  });

  describe('while it runs', () => {
    beforeEach(() => void vi.useFakeTimers());
    afterEach(() => void vi.useRealTimers());

    it('says when the event loop stood still, and nothing after it was stopped', () => {
      const { watchdog, warn } = setUp();
      watchdog.start();
      vi.advanceTimersByTime(3 * SECOND);
      expect(warn).not.toHaveBeenCalled();
      const blocked = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 4 * SECOND);
      vi.advanceTimersByTime(SECOND);
      blocked.mockRestore();
      expect(warn.mock.calls.flat().join()).toMatch(/event loop stood still for [34](\.\d)? s/);
      watchdog.stop();
      expect(vi.getTimerCount()).toBe(0);
    });
  });
});
