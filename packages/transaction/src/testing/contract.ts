import type { SqlDialect, SqlExecutor } from '../sql-executor.js';
import type { TransactionAdapter } from '../transaction-adapter.js';

/** One case of a contract suite, for any test runner: `for (const { name, run } of cases) it(name, run)`. */
export interface ContractCase {
  readonly name: string;
  /** Rejects when the contract is broken. */
  run(): Promise<void>;
}

/** What the suite needs of the adapter under test and of its database. */
export interface TransactionContractFixture<Handle = unknown> {
  readonly adapter: TransactionAdapter<Handle>;
  /** SQL outside any transaction, in the same schema; on connections of its own, unless there is one only. */
  readonly outside: SqlExecutor;
  /** Inserts `id` into `contract_item` as user code does: through the library, on the handle. */
  insert(handle: Handle, id: string): Promise<unknown>;
  /** How many transactions can be open at once; at least 3, unless there is one connection only. */
  readonly poolSize: number;
}

/** What the adapter under test can do. Nothing is skipped silently: a case stands for each side of a feature. */
export interface TransactionContractFeatures {
  readonly dialect: SqlDialect;
  /** @default false */
  readonly singleConnection?: boolean;
  /**
   * Whether the library passes its transaction on by itself, so that nobody can tell who used it.
   * @default false
   */
  readonly ambient?: boolean;
  /**
   * Whether the library itself survives a connection that is lost inside a transaction. postgres.js 3.4 does not: it
   * writes to the socket that is gone and throws where nobody can catch it.
   * @default true
   */
  readonly outlivesLostConnection?: boolean;
}

/** Creates the tables of the suite. Call it once, on an empty schema. */
export async function prepareTransactionContract(outside: SqlExecutor): Promise<void> {
  const postgres = outside.dialect === 'postgres';
  const statements = [
    'create table contract_item (id varchar(100) primary key)',
    `create table contract_value (
       id varchar(100) primary key, note text, amount bigint, small int, flag boolean,
       doc ${postgres ? 'jsonb' : 'json'}, bytes ${postgres ? 'bytea' : 'blob'},
       happened_at ${postgres ? 'timestamptz' : 'datetime(3)'}, nothing text)`,
    ...(postgres ? POSTGRES_ONLY : []),
  ];
  for (const statement of statements) await outside.query(statement);
}

const POSTGRES_ONLY = [
  `create table contract_reference (
     id varchar(100) references contract_item (id) deferrable initially deferred)`,
  'create table contract_last_word (id int)',
  `create function contract_lose_connection() returns trigger language plpgsql as
     'begin perform pg_terminate_backend(pg_backend_pid()); return null; end'`,
  `create constraint trigger contract_last_word after insert on contract_last_word
     deferrable initially deferred for each row execute function contract_lose_connection()`,
];
