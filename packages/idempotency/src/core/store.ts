import type { SqlExecutor, Transactions } from '@acme/nest-transaction';

/** What a store answers to a claim. */
export type Claim =
  /** The key is the caller's now: run the handler, then record what came of it. */
  | {
      readonly state: 'claimed';
      /** Greater than that of every earlier claim of this key: lets a resource refuse a runner that was overtaken. */
      readonly fence: number;
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

/** Whether a lease was still the caller's. */
export type LeaseState = 'held' | 'lost';

/**
 * A store that hands out a key for a limited time. Every method is one atomic step; all time is the store's own.
 *
 * A method that rejects may or may not have taken effect, so each may be repeated: a claim or completion by the same token
 * answers as it did the first time.
 */
export interface LeaseStore {
  readonly kind: 'lease';
  /** As it is named in logs and errors. */
  readonly label: string;
  /** Says that it forgets everything with its process: such a store is refused in production. */
  readonly volatile?: boolean | undefined;
  /** Takes the key for `lockTtlMs` under this token, unless it is done or somebody else's. */
  claim(request: ClaimRequest & LeaseTerms): Promise<Claim>;
  /**
   * Records the outcome for `ttlMs`. A lease that ran out without a successor may still be completed: nothing would be
   * gained by forgetting what has happened. It is then written anew, with name and fingerprint of the request.
   */
  complete(
    request: ClaimRequest & Pick<LeaseTerms, 'token'>,
    outcome: string | undefined,
    ttlMs: number,
  ): Promise<LeaseState>;
  /** Gives the key back, so that the next attempt runs at once. Does nothing when it is not the caller's. */
  release(id: string, token: string): Promise<void>;
  /** Starts the lease anew. One that has run out is lost, even if nobody took the key. */
  extend(id: string, token: string, lockTtlMs: number): Promise<LeaseState>;
}

/** Who takes a lease, and for how long. */
export interface LeaseTerms {
  /** Who claims; another one for every attempt. */
  readonly token: string;
  readonly lockTtlMs: number;
}

/**
 * A store in the database of the business data: a claim is part of the caller's transaction, stays when that commits and is
 * gone when it does not.
 */
export interface TransactionalStore {
  readonly kind: 'transaction';
  readonly label: string;
  readonly dialect: SqlExecutor['dialect'];
  /**
   * Claims the key in the open transaction. Never waits for another transaction: where that one holds the key it answers
   * `running`. Once claimed, the record counts as done, with nothing to reply, as soon as the transaction commits.
   */
  claim(sql: SqlExecutor, request: ClaimRequest & { readonly ttlMs: number }): Promise<Claim>;
  /** Adds the reply to a claim of the same transaction. */
  record(sql: SqlExecutor, id: string, outcome: string): Promise<void>;
  /** Creates or upgrades its tables. Additive, and safe when several processes do it at once. */
  migrate(transactions: Transactions): Promise<void>;
  /** What is missing for it to work, each with its remedy. Rejects when the database cannot be asked. */
  check(transactions: Transactions): Promise<string[]>;
}

/** Where claims and outcomes are kept. */
export type IdempotencyStore = LeaseStore | TransactionalStore;
