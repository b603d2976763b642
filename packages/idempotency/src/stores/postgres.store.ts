import type { SqlExecutor, Transactions } from '@acme/nest-transaction';
import type { Claim, ClaimRequest, TransactionalStore } from '../core/store.js';
import { IdempotencyConfigurationError } from '../idempotency.errors.js';
import { unknownOptions } from '../core/unknown-options.js';
import {
  claimSql,
  lookupSql,
  MIGRATIONS,
  reclaimSql,
  recordSql,
  tablesOf,
  type PostgresTables,
} from './postgres.sql.js';

/** Options of `PostgresIdempotencyStore`. */
export interface PostgresIdempotencyStoreOptions {
  /**
   * Schema of the tables; created by `migrate()` when it is not there.
   * @default 'idempotency'
   */
  readonly schema?: string | undefined;
  /**
   * Table of the records; another one, `<table>_migrations`, stands beside it.
   * @default 'records'
   */
  readonly table?: string | undefined;
}

/** A name that needs no thought about quoting, with room for what is appended to it. */
const NAME = /^[a-z_][a-z0-9_]{0,47}$/;

/** Any number: what several processes must agree on while they migrate. */
const MIGRATION_LOCK = '4921573302847110';

/**
 * Records in the PostgreSQL database of the business data, written by the transaction that writes these: key, effect and
 * reply commit together. Needs `TransactionModule`.
 */
export class PostgresIdempotencyStore implements TransactionalStore {
  readonly kind = 'transaction';
  readonly label = 'PostgreSQL';
  readonly dialect = 'postgres';
  readonly #table: string;
  readonly #tables: PostgresTables;
  readonly #sql: Readonly<Record<'claim' | 'lookup' | 'reclaim' | 'record', string>>;

  /** @throws {IdempotencyConfigurationError} when a name is not made of lower-case letters, digits and underscores */
  constructor(options: PostgresIdempotencyStoreOptions = {}) {
    const { schema = 'idempotency', table = 'records' } = options;
    const wrongNames = Object.entries({ schema, table }).flatMap(([option, name]) =>
      NAME.test(name)
        ? []
        : [
            `PostgresIdempotencyStore ${option}: ${JSON.stringify(name)} cannot be used. Give 1 to 48 lower-case letters, digits and underscores.`,
          ],
    );
    const problems = [...unknownOptions(options, ['schema', 'table']), ...wrongNames];
    if (problems.length > 0) throw new IdempotencyConfigurationError(problems);
    this.#table = table;
    this.#tables = tablesOf(schema, table);
    this.#sql = {
      claim: claimSql(this.#tables),
      lookup: lookupSql(this.#tables),
      reclaim: reclaimSql(this.#tables),
      record: recordSql(this.#tables),
    };
  }

  async claim(
    sql: SqlExecutor,
    request: ClaimRequest & { readonly ttlMs: number },
  ): Promise<Claim> {
    const { id, name, fingerprint, ttlMs } = request;
    const key = bytesOf(id);
    const params = [key, name, fingerprint, ttlMs, lockOf(key)];
    const [claimed] = await rows<{ fence: string }>(sql, this.#sql.claim, params);
    if (claimed) return { state: 'claimed', fence: Number(claimed.fence) };
    const [found] = await rows<Found>(sql, this.#sql.lookup, [key]);
    if (!found) return { state: 'running', fingerprint: undefined };
    if (!found.expired) return done(found);
    const [reclaimed] = await rows<{ fence: string }>(sql, this.#sql.reclaim, params);
    return reclaimed
      ? { state: 'claimed', fence: Number(reclaimed.fence) }
      : { state: 'running', fingerprint: undefined };
  }

  async record(sql: SqlExecutor, id: string, outcome: string): Promise<void> {
    await sql.query(this.#sql.record, [bytesOf(id), outcome]);
  }

  async migrate(transactions: Transactions): Promise<void> {
    const { schema, migrations } = this.#tables;
    await transactions.run(async () => {
      const sql = transactions.sql();
      await sql.query('select pg_advisory_xact_lock($1::bigint)', [MIGRATION_LOCK]);
      // "create schema if not exists" wants the right to create one even where it exists.
      const [{ present } = { present: false }] = await rows<{ present: boolean }>(
        sql,
        'select to_regnamespace($1::text) is not null as present',
        [schema],
      );
      if (!present) await sql.query(`create schema ${schema}`);
      await sql.query(
        `create table if not exists ${migrations} (version integer primary key, applied_at timestamptz not null default now())`,
      );
      const applied = await this.version(sql);
      for (const [index, statements] of MIGRATIONS.entries()) {
        if (index < applied) continue;
        for (const statement of statements(this.#tables, this.#table)) await sql.query(statement);
        await sql.query(`insert into ${migrations} (version) values ($1::integer)`, [index + 1]);
      }
    });
  }

  async check(transactions: Transactions): Promise<string[]> {
    const { records, migrations } = this.#tables;
    return transactions.run(async () => {
      const sql = transactions.sql();
      const [{ present } = { present: false }] = await rows<{ present: boolean }>(
        sql,
        'select to_regclass($1::text) is not null and to_regclass($2::text) is not null as present',
        [records, migrations],
      );
      const version = present ? await this.version(sql) : 0;
      return version >= MIGRATIONS.length
        ? []
        : [
            `store: table ${records} is ${present ? `at version ${version} of ${MIGRATIONS.length}` : 'missing'}. Run store.migrate(transactions) before this service starts, or set migrate: true.`,
          ];
    });
  }

  private async version(sql: SqlExecutor): Promise<number> {
    const query = `select coalesce(max(version), 0)::integer as version from ${this.#tables.migrations}`;
    const [newest] = await rows<{ version: number }>(sql, query);
    return newest?.version ?? 0;
  }
}

interface Found {
  readonly fingerprint: string | null;
  readonly outcome: string | null;
  readonly expired: boolean;
}

const done = ({ fingerprint, outcome }: Found): Claim => ({
  state: 'done',
  fingerprint: fingerprint ?? undefined,
  outcome: outcome ?? undefined,
});

async function rows<Row>(
  sql: SqlExecutor,
  statement: string,
  params?: readonly unknown[],
): Promise<Row[]> {
  return (await sql.query<Row>(statement, params)).rows;
}

const bytesOf = (id: string): Buffer => Buffer.from(id, 'hex');

/** The first eight bytes of the hash: who shares them with another key merely waits for it. */
const lockOf = (id: Buffer): string => String(id.readBigInt64BE());
