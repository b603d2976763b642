import type { TableName } from '../sql/tables.js';

/**
 * Bytes decide which keys are the same: neither case nor accents nor a space at the end are ignored, as the default
 * collations do, and `utf8mb4_bin` with the space.
 */
export const TEXT = 'character set utf8mb4 collate utf8mb4_nopad_bin';

const COLUMNS = `
      created_at datetime(6) not null default (utc_timestamp(6)),
      occurred_at datetime(6) not null,
      sequence bigint,
      lane integer not null,
      message_id varchar(255) not null,
      type varchar(255) not null,
      \`key\` varchar(255),
      exchange varchar(255),
      routing_key varchar(255),
      content_type varchar(255),
      headers longtext,
      payload longtext,
      payload_bytes longblob`;

/** Times are UTC, whatever the time zone of a session. */
const TABLE = `engine = innodb default ${TEXT}`;

/** What a table is called, and where. */
export interface MariaDbNames {
  readonly table: TableName;
  readonly schema: string | undefined;
}

export function namesOf(schema: string | undefined): MariaDbNames {
  const within = schema === undefined ? '' : `\`${schema}\`.`;
  return { schema, table: (name) => `${within}\`${name}\`` };
}

/** What `migrate()` brings the tables to. */
export const TABLES_VERSION = 1;

/**
 * Brings the tables to the newest version; of racing processes one does it, the others wait and find it done. One
 * statement, because the lock belongs to a connection and a pool may take another one for the next.
 *
 * DDL cannot be undone, so each step may be repeated after a crash between it and the note that it was done. Versions only
 * ever add, so that instances of the version before keep working.
 */
export function migrationSql({ table: t, schema }: MariaDbNames, newLanes: number): string {
  const name = schema === undefined ? 'database()' : `'${schema}'`;
  const lanes = Array.from({ length: newLanes }, (_, lane) => `(${lane})`).join(', ');
  return `begin not atomic
  declare turn varchar(64) default concat('outbox ', left(sha2(${name}, 256), 32));
  declare exit handler for sqlexception
  begin
    rollback;
    do release_lock(turn);
    resignal;
  end;
  if coalesce(get_lock(turn, 60), 0) <> 1 then
    signal sqlstate '45000' set message_text = 'another process has been migrating the outbox for a minute';
  end if;${createSchema(schema)}
  create table if not exists ${t('outbox_schema')} (
    version integer not null primary key,
    applied_at datetime(6) not null
  ) ${TABLE};
  if not exists (select 1 from ${t('outbox_schema')} where version = 1) then
    ${version1(t)}
    insert ignore into ${t('outbox_schema')} (version, applied_at) values (1, utc_timestamp(6));
  end if;
  -- The lanes' number is that of the first process that ever came; all others have to agree.
  if not exists (select 1 from ${t('outbox_lanes')}) then
    insert into ${t('outbox_lanes')} (lane) values ${lanes};
  end if;
  commit;
  do release_lock(turn);
end`;
}

/** "create database if not exists" wants the right to create one even where it exists. */
const createSchema = (schema: string | undefined): string =>
  schema === undefined
    ? ''
    : `
  if not exists (select 1 from information_schema.schemata where schema_name = '${schema}') then
    create database \`${schema}\`;
  end if;`;

const version1 = (t: TableName): string =>
  [messages, records, lanes]
    .map((tables) => tables(t))
    .join('\n')
    .trim();

const messages = (t: TableName): string => `
    -- Runnable messages only. Inserted and deleted, never updated, and no second index: each would cost every producer.
    create table if not exists ${t('outbox_messages')} (
      seq bigint not null auto_increment primary key,${COLUMNS}
    ) ${TABLE};

    -- Messages of keys whose first one has failed, in their order.
    create table if not exists ${t('outbox_waiting')} (
      seq bigint not null primary key,${COLUMNS},
      block varchar(256) not null,
      attempts integer not null,
      tries integer not null,
      history longtext not null,
      key outbox_waiting_block (block, seq)
    ) ${TABLE};

    -- One row per such key: when it is tried again.
    create table if not exists ${t('outbox_blocks')} (
      block varchar(256) not null primary key,
      lane integer not null,
      available_at datetime(6) not null,
      key outbox_blocks_due (available_at)
    ) ${TABLE};

    -- Messages whose time has not come. They get their place in the order when it has.
    create table if not exists ${t('outbox_delayed')} (
      seq bigint not null auto_increment primary key,${COLUMNS},
      available_at datetime(6) not null,
      key outbox_delayed_due (available_at, seq)
    ) ${TABLE};`;

const records = (t: TableName): string => `
    create table if not exists ${t('outbox_parked')} (
      seq bigint not null primary key,${COLUMNS},
      attempts integer not null,
      reason longtext not null,
      error longtext not null,
      history longtext not null,
      parked_at datetime(6) not null default (utc_timestamp(6))
    ) ${TABLE};

    -- Only where published messages are kept.
    create table if not exists ${t('outbox_published')} (
      seq bigint not null primary key,${COLUMNS},
      published_at datetime(6) not null default (utc_timestamp(6)),
      key outbox_published_at (published_at)
    ) ${TABLE};

    -- Only where transactions that add to one key wait for one another: its row is what they wait for.
    create table if not exists ${t('outbox_sequences')} (
      \`key\` varchar(255) not null primary key,
      value bigint not null
    ) ${TABLE};`;

const lanes = (t: TableName): string => `
    create table if not exists ${t('outbox_lanes')} (
      lane integer not null primary key,
      owner varchar(255),
      token bigint not null default 0,
      lease_until datetime(6),
      trying bigint,
      accused bigint,
      deaths integer not null default 0
    ) ${TABLE};

    create table if not exists ${t('outbox_relays')} (
      id varchar(255) not null primary key,
      seen_until datetime(6) not null
    ) ${TABLE};`;
