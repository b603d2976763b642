import type { BatchAttempt, GuardedBatch } from './batch.js';
import type { ClaimRequest } from './store.js';

/** What a guarded function learns about its claim. */
export interface ClaimInfo {
  readonly id: string;
  readonly fence: number;
  /** 1 for the first; counts only where attempts are limited. */
  readonly attempt: number;
  /** Fires when the claim is lost while the function runs. Never fires in a transaction. */
  readonly signal: AbortSignal;
}

/** The outcome of a call that is done and whose reply could not be kept. No kept reply looks like it: those are JSON. */
export const UNKEPT = 'unkept';

/**
 * What becomes of the count of attempts after one that failed. `uncounted`: it was not the message's fault. `forgotten`:
 * nobody delivers the message again by himself, and who does so on purpose begins anew.
 */
export type AttemptFate = 'counted' | 'uncounted' | 'forgotten';

/** What is to become of a claim whose function has returned. */
export interface Conclusion {
  readonly value: unknown;
  /** `record`: done, with this reply. `undo`: it counts as failed although it returned; roll back, let the next attempt run. */
  readonly verdict: 'record' | 'undo';
  /** The reply as it is stored, or `UNKEPT`; undefined when there is none. */
  readonly outcome?: string | undefined;
  /** Of what is undone. Default `counted`. */
  readonly fate?: AttemptFate | undefined;
}

/** One call that is to have one effect. */
export interface GuardedCall extends ClaimRequest {
  readonly ttlMs: number;
  readonly lockTtlMs: number;
  /** Milliseconds after which a lease is no longer renewed, however long the function runs. */
  readonly maxLockHoldMs: number;
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable' | undefined;
  /** Undefined where nobody limits them. */
  readonly attempts: AttemptLimit | undefined;
  run(info: ClaimInfo): Promise<unknown>;
  /** May throw, but the effect has happened: where it cannot be undone, the call counts as done all the same. */
  conclude(value: unknown): Conclusion;
  /** The outcome under which an error of the function is kept, so that nobody runs it again; undefined: the next attempt may. */
  concludeError(error: unknown): string | undefined;
  /** What an error that is not kept means for the count of attempts. Default `counted`. */
  fateOf?(error: unknown): AttemptFate;
  /** Told that the function never used the transaction; throws where that is an error. */
  unused(): void;
  /** Told that the claim may be somebody else's although the function still runs. */
  lost?(): void;
  /** Told that another call has the key, and that this one waits for that. */
  waits?(): void;
  /** Told that the store says so, and that call is under way or done. */
  isTaken?(): void;
  /** Told that the outcome of `concludeError` could not be kept after all. */
  errorNotKept?(): void;
  /** Told that the lease was lost before the outcome could be recorded; throws where the caller is to try again. */
  unrecorded(cause: unknown): void;
}

/** How often one message may be tried. */
export interface AttemptLimit {
  readonly max: number;
  /** How long they are counted. */
  readonly ttlMs: number;
  /** Whether this is a repetition, as far as who delivers it can tell. */
  readonly repeated: boolean;
}

/** What came of one attempt. `recorded` is present when the outcome stands for everybody: not in an open transaction. */
export type Attempt =
  | { readonly state: 'ran'; readonly value: unknown; readonly recorded: Recorded | undefined }
  | { readonly state: 'running'; readonly fingerprint: string | undefined }
  | {
      readonly state: 'done';
      readonly fingerprint: string | undefined;
      readonly outcome: string | undefined;
      readonly recorded: Recorded | undefined;
    };

interface Recorded {
  readonly outcome: string | undefined;
}

/** Who waits for an attempt on behalf of others. */
export interface Observer {
  /** The key is the caller's, and the function is called now. */
  started(): void;
  /** The claim may be somebody else's although the function still runs. */
  lost(): void;
}

/** Claims, runs and records, in one of the two modes. */
export interface Runner {
  attempt(call: GuardedCall, observer: Observer): Promise<Attempt>;
  /** An error of the function undoes or gives back all of them. */
  attemptMany(batch: GuardedBatch): Promise<BatchAttempt[]>;
}
