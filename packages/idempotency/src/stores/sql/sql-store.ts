import type { SqlDialect, SqlExecutor, SqlResult } from '@acme/nest-transaction';
import type {
  AttemptsLeft,
  Claim,
  ClaimRequest,
  LeaseState,
  LeaseTerms,
  SqlIdempotencyStore,
  StoredRecord,
  StoreFinding,
  StoreStats,
  TablesVersion,
  TransactionalClaims,
} from '../../core/store.js';
import { IdempotencyConfigurationError } from '../../idempotency.errors.js';
import { claimAll, claimOne } from './sql-claim.js';
import type { Hold, SqlStatements } from './sql-statements.js';

/** A store in an SQL database; what its database has to be told is in its statements. */
export abstract class SqlStore implements SqlIdempotencyStore {
  abstract readonly label: string;
  abstract readonly dialect: SqlDialect;
  readonly inTransaction: TransactionalClaims;
  /** Present only where it can be done. */
  readonly stats?: (limit: number) => Promise<StoreStats>;

  protected constructor(
    protected readonly statements: SqlStatements,
    readonly database: SqlExecutor | undefined,
    /** The table, as it is named in findings. */
    private readonly table: string,
  ) {
    this.inTransaction = new Claims(statements);
    if (statements.stats) this.stats = async (limit) => statements.stats!(this.own(), limit);
  }

  abstract on(database: SqlExecutor): SqlIdempotencyStore;

  async claim(request: ClaimRequest & LeaseTerms): Promise<Claim> {
    return claimOne(this.statements, this.own(), request, holdOf(request));
  }

  async claimMany(requests: readonly ClaimRequest[], terms: LeaseTerms): Promise<Claim[]> {
    return claimAll(this.statements, this.own(), requests, holdOf(terms));
  }

  settle(
    request: ClaimRequest & Pick<LeaseTerms, 'token'>,
    outcome: string | undefined,
    ttlMs: number,
  ): Promise<LeaseState> {
    return this.statements.settle(this.own(), request, request.token, outcome, ttlMs);
  }

  release(id: string, token: string, attempts?: AttemptsLeft): Promise<void> {
    return this.statements.release(this.own(), id, token, attempts);
  }

  extend(id: string, token: string, lockTtlMs: number): Promise<LeaseState> {
    return this.statements.extend(this.own(), id, token, lockTtlMs);
  }

  countAttempt(request: ClaimRequest, attemptTtlMs: number): Promise<number | undefined> {
    return this.statements.countAttempt(this.own(), request, attemptTtlMs, 1);
  }

  async uncountAttempt(request: ClaimRequest, attemptTtlMs: number): Promise<void> {
    await this.statements.countAttempt(this.own(), request, attemptTtlMs, -1);
  }

  get(id: string): Promise<StoredRecord | undefined> {
    return this.statements.get(this.own(), id);
  }

  remove(id: string, state: StoredRecord['state']): Promise<boolean> {
    return this.statements.remove(this.own(), id, state);
  }

  purge(limit: number): Promise<number> {
    return this.statements.purge(this.own(), limit);
  }

  migrate(): Promise<void> {
    return this.statements.migrate(this.own());
  }

  migrationSql(): string {
    return this.statements.migrationSql();
  }

  version(): Promise<TablesVersion> {
    return this.statements.version(this.own());
  }

  async check(): Promise<StoreFinding[]> {
    const { found, needed, missingIndex } = await this.version();
    if (found >= needed) return missingIndex === undefined ? [] : [this.unindexed(missingIndex)];
    const is = found === 0 ? 'missing' : `at version ${found} of ${needed}`;
    const text = `store: table ${this.table} is ${is}. Run store.migrate() or "npx nest-idempotency migrate" (with the --schema and --table of this store, where they are not the usual ones) before this service starts, or set migrate: true.`;
    return [{ severity: 'error', text }];
  }

  private unindexed(index: string): StoreFinding {
    const text = `store: table ${this.table} has lost its index ${index}, so removing expired records reads all of it, every minute. Create it anew: create index ${index} on ${this.table} (expires_at).`;
    return { severity: 'warning', text };
  }

  /** @throws {IdempotencyConfigurationError} when it has none */
  protected own(): SqlExecutor {
    if (this.database) return this.database;
    throw new IdempotencyConfigurationError([
      `store: ${this.constructor.name} has no connection of its own. Give it one: new ${this.constructor.name}({ database: pool }).`,
    ]);
  }
}

class Claims implements TransactionalClaims {
  readonly opening?: (request: ClaimRequest, ttlMs: number) => string;

  constructor(private readonly statements: SqlStatements) {
    const { opening } = statements;
    if (opening) this.opening = (request, ttlMs) => opening.text(request, ttlMs);
  }

  claim(
    sql: SqlExecutor,
    request: ClaimRequest,
    ttlMs: number,
    opened?: SqlResult,
  ): Promise<Claim> {
    const hold = { lease: undefined, keepMs: ttlMs };
    return claimOne(this.statements, sql, request, hold, opened);
  }

  claimMany(sql: SqlExecutor, requests: readonly ClaimRequest[], ttlMs: number): Promise<Claim[]> {
    return claimAll(this.statements, sql, requests, { lease: undefined, keepMs: ttlMs });
  }

  settle(sql: SqlExecutor, id: string, outcome: string): Promise<void> {
    return this.statements.addOutcome(sql, id, outcome);
  }
}

const holdOf = ({ token, lockTtlMs, attemptTtlMs = 0 }: LeaseTerms): Hold => ({
  lease: { token, lockTtlMs },
  keepMs: Math.max(lockTtlMs, attemptTtlMs),
});
