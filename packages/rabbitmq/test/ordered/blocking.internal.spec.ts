import { NonRetryableError, Requeue, RetryLater } from '@acme/nest-message-context';
import { Pauses } from '@acme/nest-message-context/kit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LONGEST_HOLD_MS } from '../../src/core/hold.js';
import { Blocking } from '../../src/ordered/blocking.js';
import { heldOf, type Held } from '../../src/ordered/held.js';
import type { RetryOptions } from '../../src/policy/policy.options.js';
import { resolveOptions } from '../../src/rabbitmq.options.js';
import { Repeats } from '../../src/settlement/repeats.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function scene(retry: RetryOptions = {}) {
  const settings = resolveOptions({ connect: async () => ({}) as never, retry });
  const repeats = new Repeats();
  const told: string[] = [];
  const blocking = new Blocking(settings, repeats, { warn: (text: string) => told.push(text) });
  return { blocking, repeats, told };
}

/** One delivery of a message, with what was decided about it. */
function delivered({ messageId = 'm-1' as string | undefined, isLost = false } = {}) {
  const decided: unknown[] = [];
  const raw = { fields: { exchange: 'events', routingKey: 'placed' }, properties: { headers: {} } };
  const attempts: number[] = [];
  const message = {
    name: 'placed',
    messageId,
    raw,
    attempt: 1,
    transport: 'rmq',
    expectsReply: false,
    handler: { className: 'Orders', methodName: 'placed' },
    repeatAs: (attempt: number) => attempts.push(attempt),
    delivery: { decision: undefined, settle: (decision: unknown) => decided.push(decision) },
  };
  const arrival = { isLost, among: { queue: 'orders' } };
  const pauses = new Pauses();
  const held: Held = heldOf(message as never, arrival as never, 'k', pauses);
  return { held, decided, attempts, raw };
}

const fail = async (): Promise<never> => {
  throw new Error('the database is away');
};
const outcome = (running: Promise<unknown>): Promise<unknown> =>
  running.catch((error: unknown) => error);

describe('a message that blocks its key', () => {
  it('is tried again after the pauses of its queue, and says which attempt it is', async () => {
    const { blocking, told } = scene({ initial: '1s', attempts: 4, jitter: false });
    const { held, attempts } = delivered();
    const times: number[] = [];
    const running = blocking.run(held, async () => {
      times.push(Date.now());
      if (times.length < 4) await fail();
      return 'done';
    });
    await vi.runAllTimersAsync();
    await expect(running).resolves.toBe('done');
    expect(times.map((time) => time - times[0]!)).toEqual([0, 1_000, 3_000, 7_000]);
    expect(attempts).toEqual([1, 2, 3, 4]);
    expect(held.goesBack).toBe(false);
    expect(told[0]).toMatch(/"placed" m-1 failed on attempt 1 of 4: the database is away.*\(k\)/);
  });

  it('is given up with its own error, and the reason why', async () => {
    const { blocking, repeats } = scene({ initial: '1s', attempts: 2, jitter: false });
    const { held, decided, raw } = delivered();
    const running = outcome(blocking.run(held, fail));
    await vi.runAllTimersAsync();
    await expect(running).resolves.toMatchObject({ message: 'the database is away' });
    expect(decided).toMatchObject([{ action: 'park', code: 'RETRIES_EXHAUSTED' }]);
    expect(repeats.of(raw)).toMatchObject({ attempt: 2, firstFailedAt: Date.now() - 1_000 });
  });

  it('is not tried again when that cannot help', async () => {
    const { blocking } = scene();
    const { held, decided } = delivered();
    const error = new NonRetryableError('NO_SUCH_ORDER');
    await expect(outcome(blocking.run(held, () => Promise.reject(error)))).resolves.toBe(error);
    expect(decided).toEqual([]);
  });

  it('goes back when it is held for long, and goes on where it was when it comes again', async () => {
    const { blocking } = scene({ backoff: 'fixed', initial: '4m', attempts: 5, jitter: false });
    const first = delivered();
    let tries = 0;
    const work = async (): Promise<string> => {
      if ((tries += 1) < 4) await fail();
      return 'done';
    };
    const began = Date.now();
    const running = outcome(blocking.run(first.held, work));
    await vi.runAllTimersAsync();
    await expect(running).resolves.toBeInstanceOf(Requeue);
    expect(first.held.goesBack).toBe(true);
    expect(Date.now() - began).toBe(LONGEST_HOLD_MS);
    expect(first.attempts).toEqual([1, 2, 3]);
    const second = delivered();
    const again = blocking.run(second.held, work);
    await vi.runAllTimersAsync();
    await expect(again).resolves.toBe('done');
    // What was left of the pause is waited for.
    expect(Date.now() - began).toBe(12 * 60_000);
    expect(second.attempts).toEqual([4]);
  });

  it('goes back at once when the application shuts down', async () => {
    const { blocking } = scene();
    const { held } = delivered();
    const running = outcome(blocking.run(held, fail));
    await vi.advanceTimersByTimeAsync(10);
    held.pauses.release();
    await expect(running).resolves.toBeInstanceOf(Requeue);
    expect(held.goesBack).toBe(true);
  });

  it('is not tried again when the broker delivers it again', async () => {
    const { blocking } = scene();
    const { held } = delivered({ isLost: true });
    const running = outcome(blocking.run(held, fail));
    await vi.runAllTimersAsync();
    await expect(running).resolves.toBeInstanceOf(Requeue);
  });

  it('is put off at no cost in attempts where it is not to blame', async () => {
    const { blocking } = scene({ maxDeferrals: 2, initial: '1s' });
    const { held, attempts, decided } = delivered();
    const running = outcome(
      blocking.run(held, () => Promise.reject(new RetryLater({ countAttempt: false }))),
    );
    await vi.runAllTimersAsync();
    await running;
    expect(attempts).toEqual([1, 1, 1]);
    expect(decided).toMatchObject([{ code: 'DEFERRALS_EXHAUSTED' }]);
  });
});
