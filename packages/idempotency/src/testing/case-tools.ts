import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual, inspect } from 'node:util';
import type {
  AttemptsLeft,
  Claim,
  ClaimRequest,
  IdempotencyStore,
  LeaseTerms,
} from '../core/store.js';

/** A record id of its own. */
export const newId = (): string => randomUUID().replaceAll('-', '').repeat(2);

export const MINUTE_MS = 60_000;

/** A key is given back, and the attempt counts. */
export const KEPT: AttemptsLeft = { ttlMs: MINUTE_MS, counted: true };

/** A request for a key of its own, or for that one. */
export const requestFor = (id = newId(), fingerprint?: string): ClaimRequest => ({
  id,
  name: 'contract',
  fingerprint,
});

export const claimAs = (
  store: IdempotencyStore,
  id: string,
  token: string,
  terms: Partial<LeaseTerms> & { readonly fingerprint?: string } = {},
): Promise<Claim> => {
  const { fingerprint, ...rest } = terms;
  return store.claim({ ...requestFor(id, fingerprint), token, lockTtlMs: MINUTE_MS, ...rest });
};

/** @throws Error with both values when they differ */
export function same(found: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(found, expected)) return;
  throw new Error(`${what}: found ${inspect(found)} instead of ${inspect(expected)}`);
}

/** @throws Error when it is not so */
export function holds(condition: boolean, what: string): void {
  if (!condition) throw new Error(`it does not hold that ${what}`);
}

/** The claim, which must be granted. */
export function granted(claim: Claim): Extract<Claim, { state: 'claimed' }> {
  if (claim.state === 'claimed') return claim;
  throw new Error(`the claim is ${inspect(claim)} instead of granted`);
}

/** Asks again until it is so; a store's own clock cannot be moved, so waiting for it is all there is. */
export async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > end)
      throw new Error(`for ten seconds it did not come about that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
