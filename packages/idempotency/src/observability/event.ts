import type { CallKind, IdempotencyMode } from '../idempotency.options.js';

/**
 * How a protected call ended. Each call has exactly one, told once its reply or its error is on its way: by the first line
 * below that is true of it. What runs inside a call under the key of that very call is part of it, and has none of its own.
 */
export type IdempotencyOutcome =
  /** It has no key and needs none (`required: false`): it ran, without protection. */
  | 'unkeyed'
  /** The store could not be asked, and it ran without protection, as `onStoreError: 'open'` says. */
  | 'unprotected'
  /**
   * It ran, but its lease was lost before that could be stored, or the store failed for too long: the next attempt may run
   * again. An event gets IDEMPOTENCY_LEASE_LOST as its error, any other caller what the function gave.
   */
  | 'unrecorded'
  /** It ran and threw; the error is kept (`storeIf`), so that no repetition runs. */
  | 'error_kept'
  /**
   * It ran and is done, but what it returned is not kept: a duplicate that wants a reply gets IDEMPOTENCY_REPLY_NOT_KEPT.
   * `errorCode` tells why where the caller got an error for it, as it does in lease mode.
   */
  | 'unkept'
  /**
   * It ran and threw, or its transaction could not be committed; the key is free again, and the next attempt runs. Where
   * nobody knows whether the transaction was committed, `errorCode` is TRANSACTION_OUTCOME_UNKNOWN.
   */
  | 'failed'
  /** It ran and returned that it did not succeed (`Nack`, a message settled as failed); the key is free again. */
  | 'undone'
  /** It ran and is done; in a transaction that it joined, as soon as that commits. */
  | 'executed'
  /** It was done before, and was answered as then; `errorCode` is that of a kept error. */
  | 'replayed'
  /** Not run: a call with its key is under way, and did not end while this one waited (IDEMPOTENCY_KEY_IN_USE). */
  | 'in_use'
  /** Not run: its key was used for something else (IDEMPOTENCY_KEY_REUSED). */
  | 'reused'
  /** Not run: the store could not be asked (IDEMPOTENCY_STORE_UNAVAILABLE). */
  | 'store_unavailable'
  /** Not run: it was tried `maxAttempts` times (IDEMPOTENCY_ATTEMPTS_EXHAUSTED). */
  | 'exhausted'
  /**
   * Not run, for any other reason, which `errorCode` tells: no key or none that is valid, no principal, a stream, a reply
   * that was not kept or cannot be read, a wrong option, or what a resolver of the application threw.
   */
  | 'refused';

interface Call {
  readonly at: Date;
  /** Under which the call is protected: `Class.method`, or the `name` that was given. */
  readonly name: string;
  readonly kind: CallKind;
  /** Label of the store: `PostgreSQL`, `Redis`, `memory`; undefined where none was asked. */
  readonly store: string | undefined;
  /** Milliseconds since the call began, what it waited included. */
  readonly durationMs: number;
}

/** A protected call has ended. Of `runBatch()`, each item is a call. */
export interface IdempotencyCallEvent extends Call {
  readonly type: IdempotencyOutcome;
  /** Name of the record, 64 hexadecimal digits that do not tell the key; undefined where no valid key is known. */
  readonly id: string | undefined;
  /** Undefined where no store was asked. */
  readonly mode: IdempotencyMode | undefined;
  /** As the function learned it; as who has delivered the message counts where it was not run. */
  readonly attempt: number | undefined;
  /** Whether it found another call under way with its key, and waited for that. */
  readonly waited: boolean;
  /** `code` of the error that its caller got, or the name of its class. Never a message: those may tell anything. */
  readonly errorCode: string | undefined;
}

/**
 * The lease of a call was lost while its function ran, so somebody else may be running it, too. Once for a call, at the
 * moment when its signal fires; the call goes on, and its own event follows.
 */
export interface IdempotencyLeaseLostEvent extends Call {
  readonly type: 'lease_lost';
  readonly id: string;
  readonly mode: 'lease';
  readonly attempt: number;
}

/** Expired records were removed, by the module itself or by `purge()`. Not told when there were none. */
export interface IdempotencyPurgedEvent {
  readonly type: 'purged';
  readonly at: Date;
  readonly store: string;
  readonly removed: number;
  readonly durationMs: number;
}

/** Expired records could not be removed. Nothing is unsafe meanwhile; the table grows. */
export interface IdempotencyPurgeFailedEvent {
  readonly type: 'purge_failed';
  readonly at: Date;
  readonly store: string;
  readonly durationMs: number;
  readonly errorCode: string;
}

/** What `IdempotencyEvents` and the channels tell. Nothing in it tells a key. */
export type IdempotencyEvent =
  | IdempotencyCallEvent
  | IdempotencyLeaseLostEvent
  | IdempotencyPurgedEvent
  | IdempotencyPurgeFailedEvent;

/** Every type there is; a type that is missing here does not compile. */
export const EVENT_TYPES = Object.keys({
  unkeyed: 0,
  unprotected: 0,
  unrecorded: 0,
  error_kept: 0,
  unkept: 0,
  failed: 0,
  undone: 0,
  executed: 0,
  replayed: 0,
  in_use: 0,
  reused: 0,
  store_unavailable: 0,
  exhausted: 0,
  refused: 0,
  lease_lost: 0,
  purged: 0,
  purge_failed: 0,
} satisfies Record<IdempotencyEvent['type'], 0>) as readonly IdempotencyEvent['type'][];
