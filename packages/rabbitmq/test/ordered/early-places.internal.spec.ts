import { NonRetryableError } from '@acme/nest-message-context';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LONGEST_HOLD_MS } from '../../src/core/hold.js';
import { Blocking } from '../../src/ordered/blocking.js';
import { EarlyPlaces } from '../../src/ordered/early-places.js';
import { OrderedClient } from '../../src/ordered/ordered-clients.js';
import type { RmqOrderedOptions } from '../../src/ordered/ordered.options.js';
import type { RetryOptions } from '../../src/policy/policy.options.js';
import { resolveOptions } from '../../src/rabbitmq.options.js';
import { Repeats } from '../../src/settlement/repeats.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const handler = { className: 'Orders', methodName: 'placed' };
const method = { handler, owner: Object, method: () => undefined } as never;
const away = new Error('the directory is away');

function scene(retry: RetryOptions, options: Partial<RmqOrderedOptions> = {}) {
  const settings = resolveOptions({ connect: async () => ({}) as never, retry });
  const client = new OrderedClient();
  const repeats = new Repeats();
  const among = { queue: 'orders' };
  const early = new EarlyPlaces({
    blocking: new Blocking(settings, repeats, { warn: () => {} }),
    clients: { of: () => client },
    book: { open: () => undefined },
  });
  early.know(handler, { key: { payload: 'key' }, ...options });
  /** One delivery of a message, as its guards see it. */
  const delivered = (messageId: string, redelivered = false) => {
    const decided: unknown[] = [];
    const attempts: number[] = [];
    const left: (() => void)[] = [];
    const raw = { fields: { exchange: 'events' }, properties: { headers: {} } };
    const arrival = {
      isLost: false,
      among,
      turn: async () => {},
      whenLeft: (then: () => void) => void left.push(then),
    };
    const message = {
      name: 'placed',
      messageId,
      redelivered,
      payload: { key: 'k' },
      raw,
      attempt: 1,
      arrival,
      deliveredTo: method,
      repeatAs: (attempt: number) => attempts.push(attempt),
      delivery: { decision: undefined, settle: (decision: unknown) => decided.push(decision) },
    };
    const fails = (error: unknown = away) =>
      early.repeats({ message, handler: method, queue: 'orders', error } as never);
    /** It has ended, and what becomes of it is being carried out. */
    const leave = (): void => left.forEach((then) => then());
    const place = () => client.take(message as never, arrival as never, 'k', undefined);
    return { raw, arrival, attempts, decided, fails, leave, place };
  };
  return { early, client, repeats, delivered };
}

/** What it has resolved to by now. */
const soon = (outcome: unknown): Promise<unknown> =>
  Promise.race([Promise.resolve(outcome), Promise.resolve('waits')]);

const fixed = { backoff: 'fixed', jitter: false, attempts: 5 } as const;

describe('a message that has failed before its handler was reached', () => {
  it('goes back when it is held for long, and goes on where it was when it comes again', async () => {
    const { delivered } = scene({ ...fixed, initial: '4m' });
    const first = delivered('m-1');
    const began = Date.now();
    for (const isRepeated of [true, true, false]) {
      const again = first.fails();
      await vi.runAllTimersAsync();
      await expect(again).resolves.toBe(isRepeated);
    }
    expect(Date.now() - began).toBe(LONGEST_HOLD_MS);
    expect(first.decided).toEqual([{ action: 'requeue' }]);
    expect(first.attempts).toEqual([2, 3]);
    const behind = delivered('m-2').place();
    first.leave();
    // Its guards are asked at once, and that is no attempt: it is not due yet.
    const second = delivered('m-1', true);
    const again = second.fails();
    await vi.runAllTimersAsync();
    await expect(again).resolves.toBe(true);
    expect(Date.now() - began).toBe(12 * 60_000);
    expect(second.attempts).toEqual([4]);
    await expect(soon(behind.turn)).resolves.toBe('waits');
    second.leave();
    await expect(behind.turn).resolves.toBe('go');
  });

  it('is parked with all it was through, also where that was before it came again', async () => {
    const { delivered, repeats } = scene({ ...fixed, attempts: 2, initial: '1s' });
    const first = delivered('m-1');
    const began = Date.now();
    const goesBack = first.fails();
    first.arrival.isLost = true;
    await vi.runAllTimersAsync();
    await expect(goesBack).resolves.toBe(false);
    expect(Date.now()).toBe(began);
    await vi.advanceTimersByTimeAsync(1_000);
    const second = delivered('m-1', true);
    expect(second.fails()).toBe(false);
    expect(second.decided).toMatchObject([{ action: 'park', code: 'RETRIES_EXHAUSTED' }]);
    expect(repeats.of(second.raw)).toMatchObject({ attempt: 2, firstFailedAt: began });
  });

  it('goes on where it was, also where it comes again before the delivery that was lost has given up, and begins anew much later', async () => {
    const { delivered } = scene({ ...fixed, initial: '1m' });
    const first = delivered('m-1');
    for (const _ of [1, 2]) {
      const again = first.fails();
      await vi.runAllTimersAsync();
      await again;
    }
    const lost = first.fails();
    await vi.advanceTimersByTimeAsync(10);
    first.arrival.isLost = true;
    const second = delivered('m-1', true);
    const again = second.fails();
    await vi.advanceTimersByTimeAsync(60_000);
    await expect(lost).resolves.toBe(false);
    first.leave();
    await vi.runAllTimersAsync();
    await expect(again).resolves.toBe(true);
    expect(second.attempts).toEqual([4]);
    second.leave();
    // It goes back once more, and nobody sees it again.
    const third = second.fails();
    second.arrival.isLost = true;
    await vi.runAllTimersAsync();
    await expect(third).resolves.toBe(false);
    await vi.advanceTimersByTimeAsync(86_400_000);
    const redriven = delivered('m-1');
    const anew = redriven.fails();
    await vi.runAllTimersAsync();
    await expect(anew).resolves.toBe(true);
    expect(redriven.attempts).toEqual([2]);
  });

  it('goes back where it is not its turn for long', async () => {
    const { delivered } = scene({ ...fixed, initial: '1s' });
    const before = delivered('m-0').place();
    const one = delivered('m-1');
    const again = one.fails();
    await vi.advanceTimersByTimeAsync(LONGEST_HOLD_MS - 1);
    await expect(soon(again)).resolves.toBe('waits');
    await vi.advanceTimersByTimeAsync(1);
    await expect(again).resolves.toBe(false);
    expect(one.decided).toEqual([{ action: 'requeue' }]);
    expect(one.attempts).toEqual([]);
    before.leave();
    one.leave();
    const returned = delivered('m-1', true);
    const goesOn = returned.fails();
    await vi.runAllTimersAsync();
    await expect(goesOn).resolves.toBe(true);
    expect(returned.attempts).toEqual([3]);
  });

  it('pauses while it waits for its turn', async () => {
    const { delivered } = scene({ ...fixed, initial: '1m' });
    const before = delivered('m-0').place();
    const one = delivered('m-1');
    const again = one.fails();
    await vi.advanceTimersByTimeAsync(60_000);
    before.leave();
    await expect(again).resolves.toBe(true);
    expect(one.attempts).toEqual([2]);
  });

  it('has the place of its handler once that is reached, and is for its lane to try again', async () => {
    const { early, delivered } = scene({ ...fixed, initial: '1s' });
    const one = delivered('m-1');
    const again = one.fails();
    await vi.runAllTimersAsync();
    await expect(again).resolves.toBe(true);
    const place = one.place();
    const behind = delivered('m-2').place();
    expect(early.reached(one.raw)).toMatchObject({ key: 'k', past: { attempt: 2 } });
    expect(one.fails()).toBe(false);
    await expect(soon(behind.turn)).resolves.toBe('waits');
    place.leave();
    await expect(behind.turn).resolves.toBe('go');
    one.leave();
  });

  it('waits for the end of its channel where its client closes, and the drain does not wait for it', async () => {
    const { client, delivered } = scene({ ...fixed, initial: '1m' });
    const one = delivered('m-1');
    const again = one.fails();
    await vi.advanceTimersByTimeAsync(10);
    // Nothing of it runs, and nothing waits that has begun.
    await client.release();
    await vi.runAllTimersAsync();
    await expect(soon(again)).resolves.toBe('waits');
    expect(client.shutdown.isWaiting(one.raw)).toBe(true);
    expect(one.decided).toEqual([]);
    // So does what fails from now on.
    const late = delivered('m-2');
    const never = late.fails();
    await vi.runAllTimersAsync();
    await expect(soon(never)).resolves.toBe('waits');
    expect(client.shutdown.isWaiting(late.raw)).toBe(true);
  });

  it('is left to the broker where its connection is lost', async () => {
    const { delivered } = scene({ ...fixed, initial: '1m' });
    const one = delivered('m-1');
    const again = one.fails();
    one.arrival.isLost = true;
    await vi.runAllTimersAsync();
    await expect(again).resolves.toBe(false);
    expect(one.decided).toEqual([{ action: 'requeue' }]);
    const returned = delivered('m-1', true).place();
    one.leave();
    await expect(returned.turn).resolves.toBe('go');
  });

  it.each([
    { what: 'what no attempt can cure', error: new NonRetryableError('NOT_ALLOWED') },
    { what: 'it may be overtaken', options: { onFailure: 'skip' } as const },
    { what: 'its key is read from arguments', options: { key: () => 'k' } },
    { what: 'it has no key', options: { key: { payload: 'other' } } },
  ])('takes no place: $what', ({ error, options }) => {
    const { early, delivered } = scene({ ...fixed, initial: '1s' }, options);
    const one = delivered('m-1');
    expect(one.fails(error)).toBe(false);
    expect(one.decided).toEqual([]);
    expect(early.isOrdered(method)).toBe(true);
  });
});
