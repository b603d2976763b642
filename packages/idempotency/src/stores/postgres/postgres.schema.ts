import { createHash } from 'node:crypto';

/** The tables of one store, quoted: both names were checked. */
export interface PostgresTables {
  readonly schema: string;
  readonly records: string;
  readonly migrations: string;
  /** Of the index, which PostgreSQL names without its schema. */
  readonly expiryIndex: string;
}

export const tablesOf = (schema: string, table: string): PostgresTables => ({
  schema: `"${schema}"`,
  records: `"${schema}"."${table}"`,
  migrations: `"${schema}"."${table}_migrations"`,
  expiryIndex: `"${table}_expires_at"`,
});

/**
 * What was added to the tables, in order. Only ever appended to: two versions of a service run side by side during a
 * deployment, and the older one must keep working.
 */
export const MIGRATIONS: readonly ((tables: PostgresTables) => string)[] = [
  ({ records, expiryIndex }) => `
    create table ${records} (
      id bytea primary key,
      name text not null,
      -- 'running', 'done' or 'free'. Defaults are those of a claim in a transaction: what its statement does not say need
      -- not be parsed and planned with every call.
      state text not null default 'done',
      token text,
      fingerprint text,
      outcome text,
      fence bigint not null default (extract(epoch from clock_timestamp()) * 1000000)::bigint,
      attempt integer not null default 1,
      created_at timestamptz not null default now(),
      locked_until timestamptz,
      expires_at timestamptz not null
    );
    -- For purging; a claim never reads it.
    create index ${expiryIndex} on ${records} (expires_at);`,
];

/**
 * Brings the tables to the newest version. One statement, so that any handle can run it, and atomic: of racing processes
 * one does it, the others wait and find it done.
 */
export function migrationSql(tables: PostgresTables): string {
  const { schema, migrations } = tables;
  const steps = MIGRATIONS.map(
    (statements, index) => `
  if not exists (select from ${migrations} where version = ${index + 1}) then${statements(tables)}
    insert into ${migrations} (version) values (${index + 1});
  end if;`,
  );
  return `do $idempotency$
begin
  perform pg_advisory_xact_lock(${lockOf(migrations)});
  -- "create schema if not exists" wants the right to create one even where it exists.
  if to_regnamespace('${schema}') is null then
    create schema ${schema};
  end if;
  create table if not exists ${migrations} (
    version integer primary key,
    applied_at timestamptz not null default now()
  );${steps.join('')}
end $idempotency$`;
}

/** One row: whether the tables are there. */
export const presenceSql = ({ records, migrations }: PostgresTables): string =>
  `select to_regclass('${records}') is not null and to_regclass('${migrations}') is not null as present`;

/** One row: the version, and whether the index on expires_at is there, under whatever name. */
export const versionSql = ({ records, migrations }: PostgresTables): string => `
select coalesce(max(version), 0)::integer as version,
  exists (
    select from pg_index as i
    join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = to_regclass('${records}')
      and a.attname = 'expires_at'
  ) as indexed
from ${migrations}`;

/** What several processes agree on while they migrate the same tables. */
const lockOf = (text: string): string =>
  String(createHash('sha256').update(text).digest().readBigInt64BE());
