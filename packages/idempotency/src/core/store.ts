import type { SqlDialect, SqlExecutor, SqlResult } from '@acme/nest-transaction';

/** What a store answers to a claim. */
export type Claim =
  /** The key is the caller's now: run the handler, then settle what came of it. */
  | {
      readonly state: 'claimed';
      /** Greater than that of every earlier claim of this key: lets a resource refuse a runner that was overtaken. */
      readonly fence: number;
      /** 1 for the first; counts on only while attempts are kept (`attemptTtlMs`). */
      readonly attempt: number;
    }
  /** Somebody else runs it. `fingerprint` is undefined where the store cannot see it yet, or none was given. */
  | { readonly state: 'running'; readonly fingerprint: string | undefined }
  /** It ran. `outcome` is undefined when there is nothing to reply. */
  | {
      readonly state: 'done';
      readonly fingerprint: string | undefined;
      readonly outcome: string | undefined;
    };

/** What a key is claimed with. */
export interface ClaimRequest {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** Name of the handler, for people who look into the store. */
  readonly name: string;
  readonly fingerprint: string | undefined;
}

/** Who takes a lease, and for how long. */
export interface LeaseTerms {
  /** Who claims; another one for every attempt. */
  readonly token: string;
  readonly lockTtlMs: number;
  /** How long the count of attempts outlives a runner that died or gave the key back; undefined: nobody asks for it. */
  readonly attemptTtlMs?: number | undefined;
}

/** What is left of the attempts at a key that is given back. */
export interface AttemptsLeft {
  /** How long they are remembered. */
  readonly ttlMs: number;
  /** False: the one that ends counts as if it had not been. */
  readonly counted: boolean;
}

/** Whether a lease was still the caller's. */
export type LeaseState = 'held' | 'lost';

/** A record, for people who look into the store. */
export interface StoredRecord {
  readonly id: string;
  readonly name: string;
  /** `free`: nobody runs it, and its attempts are being counted. */
  readonly state: 'running' | 'done' | 'free';
  readonly fingerprint: string | undefined;
  readonly outcome: string | undefined;
  readonly fence: number;
  readonly attempt: number;
  readonly createdAt: Date;
  /** When the outcome or the count of attempts is forgotten. */
  readonly expiresAt: Date;
  /** When the lease runs out; undefined for what is not leased. */
  readonly lockedUntil: Date | undefined;
}

/** What a store has to say about itself at boot. `error` keeps the application from starting. */
export interface StoreFinding {
  readonly severity: 'error' | 'warning';
  /** What is wrong, and the remedy. */
  readonly text: string;
}

/**
 * Where claims and outcomes are kept. Every method is one atomic step, and may be called by any number of processes at
 * once; all time is the store's own.
 *
 * A method that rejects may or may not have taken effect, so each may be repeated: a claim or settlement by the same token
 * answers as it did the first time. `storeContract()` of `@acme/nest-idempotency/testing` says whether a store is right.
 */
export interface IdempotencyStore {
  /** As it is named in logs and errors. */
  readonly label: string;
  /** Says that it forgets everything with its process: such a store is refused in production. */
  readonly volatile?: boolean | undefined;
  /** Takes the key for `lockTtlMs` under this token, unless it is done or somebody else's. */
  claim(request: ClaimRequest & LeaseTerms): Promise<Claim>;
  /** The same for many different keys under one token, in one step or in few; answers in their order. */
  claimMany(requests: readonly ClaimRequest[], terms: LeaseTerms): Promise<Claim[]>;
  /**
   * Records the outcome for `ttlMs`. A lease that ran out without a successor may still be settled: nothing would be
   * gained by forgetting what has happened. It is then written anew, with name and fingerprint of the request.
   */
  settle(
    request: ClaimRequest & Pick<LeaseTerms, 'token'>,
    outcome: string | undefined,
    ttlMs: number,
  ): Promise<LeaseState>;
  /**
   * Gives the key back, so that the next attempt runs at once; without `attempts` their count is forgotten. Does nothing
   * when the key is not the caller's.
   */
  release(id: string, token: string, attempts?: AttemptsLeft): Promise<void>;
  /** Starts the lease anew. One that has run out is lost, even if nobody took the key. */
  extend(id: string, token: string, lockTtlMs: number): Promise<LeaseState>;
  /** Undefined for what is not there, or has expired. What an open transaction has claimed is not seen. */
  get(id: string): Promise<StoredRecord | undefined>;
  /** Removes a record if it is in that state; says whether it was. Never one that an open transaction has claimed. */
  remove(id: string, state: StoredRecord['state']): Promise<boolean>;
  /** Removes at most `limit` expired records and returns how many; never a live claim. 0 where the store does so itself. */
  purge(limit: number): Promise<number>;
  /** Looks whether it can work. Rejects when it cannot be asked. */
  check(): Promise<StoreFinding[]>;
  /**
   * Calls `ended` when a claim of this key has ended somewhere, as soon and as reliably as the store can tell; missing where
   * it cannot. Resolves once nothing that ends from then on is missed, with what stops it.
   */
  subscribe?(id: string, ended: () => void): Promise<() => void>;
  /** Ends what the store itself has opened. Clients that it was given stay with their owner. */
  close?(): Promise<void>;
}

/** Versions of the tables: each migration counts one. */
export interface TablesVersion {
  /** 0 when there are none. */
  readonly found: number;
  readonly needed: number;
  /** The index that removing expired records wants, where it is missing: dropped by hand, or not restored. */
  readonly missingIndex?: string | undefined;
}

/** How many records a store holds, for people who look into it. What open transactions have claimed is not seen. */
export interface StoreStats {
  readonly running: number;
  readonly done: number;
  readonly free: number;
  /** Not purged yet. */
  readonly expired: number;
  /** Since when the oldest record that could be purged has been so, in ms; undefined when there is none. Always exact. */
  readonly oldestExpiredMs: number | undefined;
  /** False: there are more records than were looked at, and the counts are those of an arbitrary part of them. */
  readonly complete: boolean;
  /** How many records there are in all: counted when `complete`, else what the database estimates, if it does. */
  readonly total: number | undefined;
}

/**
 * Claims in the caller's transaction: they stay when it commits and are gone when it does not. None of them waits for
 * another transaction: where that one holds a key, it is `running`. Once claimed, the record counts as done, with nothing
 * to reply, as soon as the transaction commits.
 */
export interface TransactionalClaims {
  /**
   * @param opened what the statement of `opening` has answered, where it was carried out in this transaction
   */
  claim(sql: SqlExecutor, request: ClaimRequest, ttlMs: number, opened?: SqlResult): Promise<Claim>;
  /**
   * The first statement of `claim`, as a text without parameters that is safe to run: for transactions that can take it
   * along with their `begin`. Missing where there is no such statement.
   */
  opening?(request: ClaimRequest, ttlMs: number): string;
  /** For many different keys, in one statement for those that are new. */
  claimMany(sql: SqlExecutor, requests: readonly ClaimRequest[], ttlMs: number): Promise<Claim[]>;
  /** Adds the reply to a claim of the same transaction. */
  settle(sql: SqlExecutor, id: string, outcome: string): Promise<void>;
}

/** A store in an SQL database: leases on connections of its own, claims in the transactions of others. */
export interface SqlIdempotencyStore extends IdempotencyStore {
  readonly dialect: SqlDialect;
  /** What it was given to run its own statements on; undefined: whoever uses it gives it one with `on()`. */
  readonly database: SqlExecutor | undefined;
  /** The same store with its own statements run there, each committed by itself. */
  on(database: SqlExecutor): SqlIdempotencyStore;
  readonly inTransaction: TransactionalClaims;
  /**
   * Counts an attempt at a key that is about to be claimed in a transaction, whose rollback would take the count with it:
   * 2 the first time. Undefined, and not counted, while somebody runs it or when it is done.
   */
  countAttempt(request: ClaimRequest, attemptTtlMs: number): Promise<number | undefined>;
  /**
   * After the rollback of one that is not to count: the next one has its number, even if it was the first, which nobody
   * has counted. Does nothing while somebody runs it or when it is done.
   */
  uncountAttempt(request: ClaimRequest, attemptTtlMs: number): Promise<void>;
  /** Creates or upgrades its tables. Additive, and safe when several processes do it at once. */
  migrate(): Promise<void>;
  /** What `migrate()` does, as a script for those who apply SQL by hand, whatever version they have. Asks no database. */
  migrationSql(): string;
  /** How far the tables are. */
  version(): Promise<TablesVersion>;
  /** Counts records, at a cost that does not grow with the table: it looks at no more than `limit` of them. */
  stats?(limit: number): Promise<StoreStats>;
}

export function isSqlStore(store: IdempotencyStore): store is SqlIdempotencyStore {
  return 'inTransaction' in store;
}
