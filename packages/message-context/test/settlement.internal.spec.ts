import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GuardedSettlement } from '../src/delivery/guarded-settlement.js';
import { holdAfterFailureMs, LocalSettlement } from '../src/delivery/local-settlement.js';
import { Settlement, type BrokerAnswer, type Settling } from '../src/delivery/settlement.js';

const settling = (decision: Settling['decision'], attempt = 1): Settling => ({
  decision,
  message: { name: 'order.placed.v1', messageId: 'm-1', attempt } as never,
  handler: undefined,
  deliveries: [],
  queue: 'orders',
  error: undefined,
  needsRoutingKey: false,
});
const retry = (afterMs?: number, countAttempt = false) =>
  settling({ action: 'retry', afterMs, countAttempt });

/** The answers as they come, in the order in which they come. */
function answersTo(settlement: Settlement) {
  const given: string[] = [];
  const ask = (asked: Settling, name = ''): void => {
    const answer = settlement.answer(asked);
    if (typeof answer === 'string') given.push(name + answer);
    else void answer.then((late) => given.push(name + late));
  };
  return { given, ask };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('settling with what every broker has', () => {
  it.each<[Settling['decision'], BrokerAnswer]>([
    [{ action: 'requeue' }, 'requeue'],
    [{ action: 'reject' }, 'reject'],
    [{ action: 'park', code: 'C', reason: 'r' }, 'reject'],
  ])('answers %j at once: %s', (decision, answer) => {
    expect(new LocalSettlement().answer(settling(decision))).toBe(answer);
  });

  it.each<[boolean, BrokerAnswer]>([
    [true, 'requeue-counted'],
    [false, 'requeue'],
  ])('gives back what is retried (counted: %s) after its delay', async (counted, answer) => {
    const { given, ask } = answersTo(new LocalSettlement());
    ask(retry(100, counted));
    await vi.advanceTimersByTimeAsync(99);
    expect(given).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(given).toEqual([answer]);
  });

  it('holds nothing longer than five seconds', async () => {
    const { given, ask } = answersTo(new LocalSettlement());
    ask(retry(60_000));
    await vi.advanceTimersByTimeAsync(4_999);
    expect(given).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(given).toEqual(['requeue']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    [1, 1_000],
    [2, 2_000],
    [5, 5_000],
    [100, 5_000],
  ])(
    'holds attempt %i for %i ms where nobody says how long: zero is said',
    async (attempt, afterMs) => {
      expect(holdAfterFailureMs(attempt)).toBe(afterMs);
      const { given, ask } = answersTo(new LocalSettlement());
      ask(settling({ action: 'retry', countAttempt: false }, attempt), 'unsaid: ');
      ask(settling({ action: 'retry', countAttempt: false, afterMs: 0 }, attempt), 'said: ');
      await vi.advanceTimersByTimeAsync(afterMs - 1);
      expect(given).toEqual(['said: requeue']);
      await vi.advanceTimersByTimeAsync(1);
      expect(given).toEqual(['said: requeue', 'unsaid: requeue']);
    },
  );

  it('gives everything back at shutdown, each once, and holds nothing any more', async () => {
    const settlement = new LocalSettlement();
    const { given, ask } = answersTo(settlement);
    for (const n of [1, 2, 3]) ask(retry(1000), `${n} `);
    settlement.release();
    ask(retry(1000, true), '4 ');
    expect(given).toEqual(['4 requeue-counted']);
    settlement.release();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(given.sort()).toEqual(['1 requeue', '2 requeue', '3 requeue', '4 requeue-counted']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('gives each back, whatever delays and whenever released', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.double()), fc.nat(6000), async (delays, releaseAt) => {
        const settlement = new LocalSettlement();
        const { given, ask } = answersTo(settlement);
        delays.forEach((delay) => ask(retry(delay)));
        await vi.advanceTimersByTimeAsync(releaseAt);
        settlement.release();
        await vi.advanceTimersByTimeAsync(0);
        expect(given).toEqual(delays.map(() => 'requeue'));
        expect(vi.getTimerCount()).toBe(0);
      }),
    );
  });
});

describe('a settlement of somebody else’s', () => {
  type Answering = (settling: Settling) => BrokerAnswer | Promise<BrokerAnswer>;
  const guarded = (answer: Answering, release = (): void => {}) => {
    class Theirs extends Settlement {
      readonly keepsParked = true;
      readonly answer = answer;
      readonly release = release;
    }
    const error = vi.fn<(text: string, stack?: string) => void>();
    const settlement = new GuardedSettlement(new Theirs(), { debug: error, warn: error, error });
    return { settlement, error, ...answersTo(settlement) };
  };

  it.each<BrokerAnswer>(['ack', 'reject', 'requeue', 'requeue-counted'])(
    'is given %s as it says, without a wait where it has none',
    async (answer) => {
      const { settlement, error } = guarded(() => answer);
      expect(settlement.answer(retry())).toBe(answer);
      expect(await guarded(async () => answer).settlement.answer(retry())).toBe(answer);
      expect(settlement.keepsParked).toBe(true);
      expect(error).not.toHaveBeenCalled();
    },
  );

  const down = new Error('the broker does not confirm');
  const noAnswer = 'the settlement answered undefined, which is no answer';
  it.each<[string, Answering, string]>([
    [
      'throws',
      () => {
        throw down;
      },
      down.message,
    ],
    ['rejects', () => Promise.reject(down), down.message],
    ['answers nothing', () => undefined as never, noAnswer],
    ['answers nothing later', async () => undefined as never, noAnswer],
    ['answers nonsense', () => 'drop' as never, 'the settlement answered drop'],
  ])('that %s has the message held, and given back uncounted', async (_how, answer, said) => {
    const { error, given, ask } = guarded(answer);
    ask(settling({ action: 'park', code: 'POISON', reason: 'r' }, 2));
    await vi.advanceTimersByTimeAsync(1_999);
    expect(given).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(given).toEqual(['requeue']);
    expect(error).toHaveBeenCalledOnce();
    expect(error.mock.calls[0]![0]).toMatch(/^Could not park "order\.placed\.v1" m-1: /);
    expect(error.mock.calls[0]![0]).toContain(said);
  });

  it('is released together with what is held for it, although it fails at that', async () => {
    const release = vi.fn<() => void>(() => {
      throw down;
    });
    const { settlement, error, given, ask } = guarded(() => Promise.reject(down), release);
    ask(retry());
    await vi.advanceTimersByTimeAsync(0);
    settlement.release();
    await vi.advanceTimersByTimeAsync(0);
    expect(given).toEqual(['requeue']);
    expect(release).toHaveBeenCalledOnce();
    expect(error.mock.lastCall![0]).toContain('the broker does not confirm');
  });
});
