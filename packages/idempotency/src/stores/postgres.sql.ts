/** The tables of one store, quoted: both names were checked. */
export interface PostgresTables {
  readonly schema: string;
  readonly records: string;
  readonly migrations: string;
}

export const tablesOf = (schema: string, table: string): PostgresTables => ({
  schema: `"${schema}"`,
  records: `"${schema}"."${table}"`,
  migrations: `"${schema}"."${table}_migrations"`,
});

/**
 * What was added to the tables, in order. Only ever appended to: two versions of a service run side by side during a
 * deployment, and the older one must keep working.
 */
export const MIGRATIONS: readonly ((tables: PostgresTables, table: string) => readonly string[])[] =
  [
    ({ records }, table) => [
      `create table ${records} (
         id bytea primary key,
         name text not null,
         fingerprint text,
         fence bigint not null,
         outcome text,
         created_at timestamptz not null default now(),
         expires_at timestamptz not null
       )`,
      // For purging; a claim never reads it.
      `create index "${table}_expires_at" on ${records} (expires_at)`,
    ],
  ];

/** Microseconds of the server's clock. */
const CLOCK = `(extract(epoch from clock_timestamp()) * 1000000)::bigint`;

/**
 * $1 id, $2 name, $3 fingerprint, $4 ttl in ms, $5 lock. One row: claimed. None: done, or running elsewhere.
 *
 * The advisory lock belongs to this transaction and says who runs: without it, a duplicate would wait in the unique index
 * until the first one ends, and hold a connection meanwhile. It is gone with the transaction, so also with the process.
 */
export const claimSql = ({ records }: PostgresTables): string => `
insert into ${records} (id, name, fingerprint, fence, expires_at)
select $1::bytea, $2::text, $3::text, ${CLOCK}, now() + $4::double precision * interval '1 millisecond'
where pg_try_advisory_xact_lock($5::bigint)
on conflict (id) do nothing
returning fence::text as fence`;

/** $1 id. By the primary key. No row: the one who runs has not committed. */
export const lookupSql = ({ records }: PostgresTables): string => `
select fingerprint, outcome, expires_at <= now() as expired
from ${records}
where id = $1::bytea`;

/** Parameters as for the claim. Takes over a record whose time is up; only one of several gets the row. */
export const reclaimSql = ({ records }: PostgresTables): string => `
update ${records}
set name = $2::text,
    fingerprint = $3::text,
    outcome = null,
    fence = greatest(fence + 1, ${CLOCK}),
    created_at = now(),
    expires_at = now() + $4::double precision * interval '1 millisecond'
where id = $1::bytea
  and expires_at <= now()
  and pg_try_advisory_xact_lock($5::bigint)
returning fence::text as fence`;

/** $1 id, $2 outcome. No indexed column changes, so the row stays in its page. */
export const recordSql = ({ records }: PostgresTables): string => `
update ${records}
set outcome = $2::text
where id = $1::bytea`;
