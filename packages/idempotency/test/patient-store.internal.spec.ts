import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { PatientStore } from '../src/core/patient-store.js';
import { nodeRuntime } from '../src/stage/node-runtime.js';
import { InMemoryIdempotencyStore } from '../src/stores/memory/in-memory.store.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const request = { id: 'id', name: 'job', fingerprint: undefined };

it.each([
  ['in time', { storeTimeoutMs: 20, answersAfterMs: 40, lockTtlMs: 1_000 }],
  ['before the lease is over', { storeTimeoutMs: 100, answersAfterMs: 40, lockTtlMs: 30 }],
] as const)(
  'neither counts nor forgets attempts for a claim that is not answered %s',
  async (_, { storeTimeoutMs, answersAfterMs, lockTtlMs }) => {
    const store = new InMemoryIdempotencyStore(() => Date.now());
    const patient = new PatientStore(store, nodeRuntime, { storeTimeoutMs, warn: () => {} });
    const attempts = { ttlMs: 60_000, counted: true };
    const termsOf = (token: string) => ({ token, lockTtlMs, attemptTtlMs: attempts.ttlMs });
    const begin = (token: string) => patient.claim(request, termsOf(token));
    for (const token of ['first', 'second']) {
      await begin(token);
      await patient.release([request], termsOf(token), attempts);
    }
    const claim = store.claim.bind(store);
    store.claim = async (asked) => {
      const claimed = await claim(asked);
      await new Promise((answer) => setTimeout(answer, answersAfterMs));
      return claimed;
    };
    const late = begin('late').catch(({ code }: { code?: unknown }) => code);
    await vi.advanceTimersByTimeAsync(100);
    expect(await late).toBe('IDEMPOTENCY_STORE_UNAVAILABLE');
    store.claim = claim;
    expect(await begin('next')).toMatchObject({ state: 'claimed', attempt: 3 });
  },
);
