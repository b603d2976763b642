/** The tables of one store, quoted: the names were checked. */
export interface MariaDbTables {
  readonly records: string;
  readonly migrations: string;
  /** SQL for the name of a lock that those share who work on the same tables; `get_lock` takes 64 characters. */
  readonly lock: (purpose: 'migrate' | 'purge') => string;
  /** SQL for whether the one named table is there. */
  readonly hasMigrations: string;
  /** Creates the database, where it has a name of its own and is not there. */
  readonly createSchema: string;
}

export function tablesOf(schema: string | undefined, table: string): MariaDbTables {
  const within = schema === undefined ? '' : `\`${schema}\`.`;
  const name = schema === undefined ? 'database()' : `'${schema}'`;
  const migrations = `${table}_migrations`;
  return {
    records: `${within}\`${table}\``,
    migrations: `${within}\`${migrations}\``,
    lock: (purpose) =>
      `concat('idempotency ', left(sha2(concat('${purpose} ', ${name}, '.${table}'), 256), 32))`,
    hasMigrations: `exists (
  select 1
  from information_schema.tables
  where table_schema = ${name}
    and table_name = '${migrations}')`,
    // "create database if not exists" wants the right to create one even where it exists.
    createSchema:
      schema === undefined
        ? ''
        : `
  if not exists (select 1 from information_schema.schemata where schema_name = '${schema}') then
    create database \`${schema}\`;
  end if;`,
  };
}

/**
 * What was added to the tables, in order. Only ever appended to: two versions of a service run side by side during a
 * deployment, and the older one must keep working. DDL cannot be undone, so each may be repeated after a crash between it
 * and the note that it was done.
 *
 * No column can overflow by what is written to it: `insert ignore` would cut that silently.
 */
export const MIGRATIONS: readonly ((tables: MariaDbTables) => string)[] = [
  ({ records }) => `
    create table if not exists ${records} (
      id binary(32) not null primary key,
      name text not null,
      state varchar(16) not null,
      token text,
      fingerprint text,
      outcome longtext,
      fence bigint not null,
      attempt integer not null,
      created_at datetime(6) not null,
      locked_until datetime(6),
      expires_at datetime(6) not null,
      -- For purging; a claim never reads it.
      key expires_at (expires_at)
    ) engine = innodb character set utf8mb4 collate utf8mb4_bin;`,
];

/**
 * Brings the tables to the newest version; of racing processes one does it, the others wait and find it done. One
 * statement, because the lock belongs to a connection and a pool may take another one for the next.
 */
export function migrationSql(tables: MariaDbTables): string {
  const { migrations, lock, createSchema } = tables;
  const steps = MIGRATIONS.map(
    (statements, index) => `
  if not exists (select 1 from ${migrations} where version = ${index + 1}) then${statements(tables)}
    insert ignore into ${migrations} (version, applied_at) values (${index + 1}, utc_timestamp(6));
  end if;`,
  );
  const work = `
  if coalesce(get_lock(${lock('migrate')}, 60), 0) <> 1 then
    signal sqlstate '45000' set message_text = 'another process has been migrating these tables for a minute';
  end if;${createSchema}
  create table if not exists ${migrations} (
    version integer not null primary key,
    applied_at datetime(6) not null
  ) engine = innodb;${steps.join('')}
  commit;`;
  return apart(work, lock('migrate'));
}

/**
 * One compound statement that ends the transaction around it, if there is one, does its work, and opens it anew, because
 * whoever opened it will want to commit it. What was done in it before is committed.
 */
export const apart = (work: string, lock: string): string => `begin not atomic
  declare inside boolean default @@in_transaction;
  declare exit handler for sqlexception
  begin
    rollback;
    do release_lock(${lock});
    resignal;
  end;
  commit;${work}
  do release_lock(${lock});
  if inside then
    start transaction;
  end if;
end`;

/** One row: whether the tables were ever migrated. */
export const presenceSql = ({ hasMigrations }: MariaDbTables): string =>
  `select ${hasMigrations} as present`;

export const versionSql = ({ migrations }: MariaDbTables): string =>
  `select coalesce(max(version), 0) as version from ${migrations}`;
