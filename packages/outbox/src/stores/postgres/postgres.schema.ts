import type { TableName } from '../sql/tables.js';
import { settingsOf } from './postgres.shape.js';

/** Any two processes that migrate the same schema take the same lock. */
const LOCK = 0x6f75_7462; // "outb"

const COLUMNS = `
    created_at timestamptz not null default clock_timestamp(),
    occurred_at timestamptz not null,
    sequence bigint,
    lane integer not null,
    message_id text not null,
    type text not null,
    key text,
    exchange text,
    routing_key text,
    content_type text,
    headers json,
    payload text,
    payload_bytes bytea`;

/** What `migrationSql` brings the tables to. */
export const TABLES_VERSION = 1;

/**
 * Brings the tables to the newest version. One statement, so that any handle can run it, and atomic: of racing processes one
 * does it, the others wait and find it done. Versions only ever add, so that instances of the version before keep working.
 *
 * `t` names a table within the configured schema.
 */
export function migrationSql(t: TableName, newLanes: number): string {
  return `do $outbox$
begin
  perform pg_advisory_xact_lock(${LOCK}, hashtext('${t('outbox_schema')}'));
  create table if not exists ${t('outbox_schema')} (
    version integer primary key,
    applied_at timestamptz not null default clock_timestamp()
  );
  if not exists (select from ${t('outbox_schema')} where version = 1) then
    ${version1(t)}
    insert into ${t('outbox_schema')} (version) values (1);
  end if;
  -- The lanes' number is that of the first process that ever came; all others have to agree.
  if not exists (select from ${t('outbox_lanes')}) then
    insert into ${t('outbox_lanes')} (lane) select generate_series(0, ${newLanes - 1});
  end if;
end $outbox$`;
}

const version1 = (t: TableName): string =>
  [messages, records, lanes].map((tables) => tables(t)).join('\n');

const messages = (t: TableName): string => `
    -- Runnable messages only. Inserted and deleted, never updated, and no second index: each would cost every producer.
    create table ${t('outbox_messages')} (
      seq bigint generated always as identity primary key,${COLUMNS},
      check (num_nonnulls(payload, payload_bytes) = 1)
    ) with (${settingsOf('outbox_messages')});

    -- Messages of keys whose first one has failed, in their order.
    create table ${t('outbox_waiting')} (
      seq bigint primary key,${COLUMNS},
      block text not null,
      attempts integer not null,
      tries integer not null,
      history json not null
    ) with (${settingsOf('outbox_waiting')});
    create index outbox_waiting_block on ${t('outbox_waiting')} (block, seq);

    -- One row per such key: when it is tried again.
    create table ${t('outbox_blocks')} (
      block text primary key,
      lane integer not null,
      available_at timestamptz not null
    ) with (${settingsOf('outbox_blocks')});
    create index outbox_blocks_due on ${t('outbox_blocks')} (available_at);

    -- Messages whose time has not come. They get their place in the order when it has.
    create table ${t('outbox_delayed')} (
      seq bigint generated always as identity primary key,${COLUMNS},
      available_at timestamptz not null
    ) with (${settingsOf('outbox_delayed')});
    create index outbox_delayed_due on ${t('outbox_delayed')} (available_at, seq);
`;

const records = (t: TableName): string => `
    create table ${t('outbox_parked')} (
      seq bigint primary key,${COLUMNS},
      attempts integer not null,
      reason text not null,
      error text not null,
      history json not null,
      parked_at timestamptz not null default clock_timestamp()
    );

    -- Only where published messages are kept.
    create table ${t('outbox_published')} (
      seq bigint primary key,${COLUMNS},
      published_at timestamptz not null default clock_timestamp()
    );
    create index outbox_published_at on ${t('outbox_published')} (published_at);

    -- Only where the messages of a key are numbered.
    create table ${t('outbox_sequences')} (
      key text primary key,
      value bigint not null
    ) with (${settingsOf('outbox_sequences')});
`;

const lanes = (t: TableName): string => `
    -- Updated all the time and tiny: space for the new versions on the same page.
    create table ${t('outbox_lanes')} (
      lane integer primary key,
      owner text,
      token bigint not null default 0,
      lease_until timestamptz,
      trying bigint,
      accused bigint,
      deaths integer not null default 0
    ) with (${settingsOf('outbox_lanes')});

    create table ${t('outbox_relays')} (
      id text primary key,
      seen_until timestamptz not null
    ) with (${settingsOf('outbox_relays')});`;
