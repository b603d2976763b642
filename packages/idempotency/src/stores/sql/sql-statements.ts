import type { SqlExecutor, SqlResult } from '@acme/nest-transaction';
import type {
  AttemptsLeft,
  Claim,
  ClaimRequest,
  LeaseState,
  StoredRecord,
  StoreStats,
  TablesVersion,
} from '../../core/store.js';

/** What a claim writes. Without a lease it counts as done, as soon as the transaction around it has committed. */
export interface Hold {
  readonly lease: { readonly token: string; readonly lockTtlMs: number } | undefined;
  /** How long the record is kept, from now on. */
  readonly keepMs: number;
}

/** A record that may keep a key from being claimed. */
export interface Found {
  readonly id: string;
  /** `free`: nobody runs it, and what it tells need not be kept. */
  readonly state: StoredRecord['state'];
  readonly token: string | undefined;
  readonly fingerprint: string | undefined;
  readonly outcome: string | undefined;
  readonly fence: number;
  readonly attempt: number;
}

/** Answers by id. Who is not among them was not claimed, and has to be looked up. */
export type Answers = ReadonlyMap<string, Claim>;

/**
 * What one database has to be told, each in one statement that does not wait for another transaction's claim, or for no
 * more than a second. Ids are in hex; all of one call differ.
 */
export interface SqlStatements {
  /** The same as `insert` for one key, which nearly all claims are of; undefined: it has to be looked up. */
  insertOne(sql: SqlExecutor, request: ClaimRequest, hold: Hold): Promise<Claim | undefined>;
  /** What `insertOne` does without a lease, as a text without parameters, and what it says. */
  readonly opening?: {
    text(request: ClaimRequest, keepMs: number): string;
    answer(result: SqlResult): Claim | undefined;
  };
  /** Claims what is not there yet. May answer for others as well, where that costs nothing. */
  insert(sql: SqlExecutor, requests: readonly ClaimRequest[], hold: Hold): Promise<Answers>;
  /** What is there, of what can be seen. */
  lookup(sql: SqlExecutor, ids: readonly string[]): Promise<Found[]>;
  /**
   * Claims what is free. Of several who try, one gets it. A lease counts as one more attempt; without one, it was counted
   * before (`countAttempt`).
   */
  takeOver(sql: SqlExecutor, requests: readonly ClaimRequest[], hold: Hold): Promise<Answers>;
  /** Adds the outcome to a claim of the same transaction. */
  addOutcome(sql: SqlExecutor, id: string, outcome: string): Promise<void>;
  settle(
    sql: SqlExecutor,
    request: ClaimRequest,
    token: string,
    outcome: string | undefined,
    ttlMs: number,
  ): Promise<LeaseState>;
  /** Without `attempts` the record is removed. */
  release(
    sql: SqlExecutor,
    id: string,
    token: string,
    attempts: AttemptsLeft | undefined,
  ): Promise<void>;
  extend(sql: SqlExecutor, id: string, token: string, lockTtlMs: number): Promise<LeaseState>;
  /** `step` 1 counts one more attempt, -1 takes back the last. */
  countAttempt(
    sql: SqlExecutor,
    request: ClaimRequest,
    attemptTtlMs: number,
    step: 1 | -1,
  ): Promise<number | undefined>;
  get(sql: SqlExecutor, id: string): Promise<StoredRecord | undefined>;
  remove(sql: SqlExecutor, id: string, state: StoredRecord['state']): Promise<boolean>;
  purge(sql: SqlExecutor, limit: number): Promise<number>;
  migrate(sql: SqlExecutor): Promise<void>;
  /** What `migrate` does, as a script. */
  migrationSql(): string;
  version(sql: SqlExecutor): Promise<TablesVersion>;
  /** Looks at no more than `limit` records. */
  stats?(sql: SqlExecutor, limit: number): Promise<StoreStats>;
}
