import type { Conclusion } from './attempt.js';
import type { Claim, ClaimRequest } from './store.js';

/** Many calls that are to have one effect each, and are made by one function. */
export interface GuardedBatch {
  readonly name: string;
  /** All ids differ. */
  readonly requests: readonly ClaimRequest[];
  readonly ttlMs: number;
  readonly lockTtlMs: number;
  readonly maxLockHoldMs: number;
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable' | undefined;
  /**
   * Runs those that were claimed, given by their positions, and resolves with a result for each. Not called for none. The
   * signal fires when the claim of any of them is lost.
   */
  run(claimed: readonly number[], signal: AbortSignal): Promise<readonly unknown[]>;
  /** What is to become of the call at that position, with the result it had. */
  conclude(at: number, value: unknown): Conclusion;
  /** Told that the function never used the transaction; throws where that is an error. */
  unused(): void;
  /** Told that the outcome of the call at that position could not be recorded. */
  unrecorded(at: number, cause: unknown): void;
  /** Told that the claim of that id may be somebody else's although the function still runs. */
  lost?(id: string): void;
}

/** What came of one of them. */
export type BatchAttempt =
  { readonly state: 'ran'; readonly value: unknown } | Exclude<Claim, { state: 'claimed' }>;

/** The answers in the order of the requests: of the store for what was not claimed, of the function for what was. */
export function attemptsOf(
  claims: readonly Claim[],
  results: ReadonlyMap<number, unknown>,
): BatchAttempt[] {
  return claims.map((claim, at) =>
    claim.state === 'claimed' ? { state: 'ran', value: results.get(at) } : claim,
  );
}

export const claimedOf = (claims: readonly Claim[]): number[] =>
  claims.flatMap(({ state }, at) => (state === 'claimed' ? [at] : []));
