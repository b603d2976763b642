import { Metadata, type MethodDefinition } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GrpcCaller } from '../../src/client/grpc-caller.js';
import type { GrpcResult } from '../../src/client/grpc-result.js';
import { Retries } from '../../src/client/retries.js';
import { RetryBudget } from '../../src/core/retry-budget.js';

type Method = MethodDefinition<unknown, unknown>;

const retries = () => new Retries({ attempts: 3, initialMs: 100, maxMs: 100 }, new RetryBudget());
const away = { code: 14, details: 'away', metadata: new Metadata() };
const method = (level: string, streams: Partial<Method> = {}): Method => {
  const one = { path: '/a.v1.A/B', requestStream: false, responseStream: false, ...streams };
  return { ...one, options: { idempotency_level: level } } as unknown as Method;
};

afterEach(() => void vi.restoreAllMocks());

describe('a call may be made again', () => {
  it.each<[string, Method, object, boolean]>([
    ['where its proto file says IDEMPOTENT', method('IDEMPOTENT'), {}, true],
    ['where it says NO_SIDE_EFFECTS', method('NO_SIDE_EFFECTS'), {}, true],
    ['where it says nothing: not', method('IDEMPOTENCY_UNKNOWN'), {}, false],
    ['where it has a key', method(''), { idempotencyKey: 'k' }, true],
    ['where it is told not to: not', method('IDEMPOTENT'), { retry: false }, false],
    ['where it sends a stream: not', method('IDEMPOTENT', { requestStream: true }), {}, false],
    ['where a stream answers: not', method('IDEMPOTENT', { responseStream: true }), {}, false],
  ])('%s', (_, of, options, may) => {
    expect(retries().isFor(of, options)).toBe(may);
  });

  it('after a random part of its pause', () => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.25);
    expect(retries().after(away, 1, Infinity)).toBe(25);
    random.mockReturnValue(0.75);
    expect(retries().after(away, 1, Infinity)).toBe(75);
  });
});

it('is not made again for who has left when its answer is there', async () => {
  vi.useFakeTimers();
  const answers: ((error: unknown) => void)[] = [];
  const client = {
    makeUnaryRequest: (...args: unknown[]) => {
      answers.push(args.at(-1) as (error: unknown) => void);
      return { cancel: () => {} };
    },
  };
  const caller = new GrpcCaller(client as never, {
    timeoutMs: 5_000,
    reserveMs: 0,
    known: new Map(),
    retries: retries(),
  });
  const call = caller.call(method('IDEMPOTENT'), {}) as GrpcResult<unknown>;
  call.subscribe().unsubscribe();
  answers[0]!(away);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(answers).toHaveLength(1);
  vi.useRealTimers();
});
