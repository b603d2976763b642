import { InMemoryIdempotencyStore } from '@acme/nest-idempotency';
import { ManualClock } from '@acme/internal-testing';
import { itPasses } from '@acme/internal-testing/contracts';
import { storeContract } from '@acme/nest-idempotency/testing';
import { describe, expect, it } from 'vitest';

describe('InMemoryIdempotencyStore', () => {
  const store = new InMemoryIdempotencyStore();
  itPasses(storeContract(() => ({ store, other: store })));

  it('does not grow with records whose time is over', async () => {
    const clock = new ManualClock();
    const swept = new InMemoryIdempotencyStore(clock.now);
    for (let n = 0; n < 5_000; n += 1) {
      const request = { id: `${n}`, name: 'n', fingerprint: undefined, token: 't', lockTtlMs: 10 };
      await swept.claim(request);
      await clock.advance(1);
    }
    expect(swept.size).toBeLessThan(1_100);
  });
});
