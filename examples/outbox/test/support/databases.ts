import { randomBytes } from 'node:crypto';
import { testDatabase, testMariaDatabase } from '@acme/internal-testing';
import { MariaDbOutboxStore, PostgresOutboxStore, type OutboxStore } from '@acme/nest-outbox';
import { fromMysql2, fromPg, type TransactionAdapter } from '@acme/nest-transaction';
import { createPool } from 'mysql2/promise';
import pg from 'pg';
import {
  addBySql as addByMariaDb,
  changeLanes as changeMariaDbLanes,
  grantRights as grantMariaDbRights,
  laneFunction as mariaDbLaneFunction,
} from '../../src/by-sql-mariadb.js';
import { addBySql, changeLanes, grantRights, laneFunction } from '../../src/by-sql.js';
import { storeOfService } from '../../src/stores.js';

/** A database with nothing in it, and what differs between the two kinds of them. */
export interface ShopDatabase {
  readonly name: 'PostgreSQL' | 'MariaDB';
  readonly sql: Readonly<Record<'laneFunction' | 'addBySql' | 'changeLanes', string>>;
  readonly adapter: TransactionAdapter;
  readonly store: OutboxStore;
  /** Statements that `;` separates, all on one connection. Rows of the last. */
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** The same database as somebody sees it who may read and write rows and nothing else, or also create tables. */
  asService(more?: 'create'): Promise<{
    readonly adapter: TransactionAdapter;
    store(migrate: boolean): OutboxStore;
    close(): Promise<void>;
  }>;
}

const newName = (): string => `svc_${randomBytes(8).toString('hex')}`;

export async function onPostgres(): Promise<ShopDatabase> {
  const { pool, url, schema } = await testDatabase();
  return {
    name: 'PostgreSQL',
    sql: { laneFunction, addBySql, changeLanes },
    adapter: fromPg(pool) as TransactionAdapter,
    store: new PostgresOutboxStore({ database: pool }),
    async query(sql, values) {
      const result = (await pool.query(sql, values)) as pg.QueryResult | pg.QueryResult[];
      return (Array.isArray(result) ? result.at(-1) : result)?.rows ?? [];
    },
    async asService(more) {
      const role = newName();
      await pool.query(`create role ${role} login password 'service'`);
      await pool.query(grantRights(schema, role));
      if (more) await pool.query(`grant create on schema ${schema} to ${role}`);
      const own = new pg.Pool({ connectionString: as(role, url) });
      return {
        adapter: fromPg(own) as TransactionAdapter,
        store: (migrate) =>
          migrate ? new PostgresOutboxStore({ database: own }) : storeOfService(own, schema),
        async close() {
          await own.end();
          await pool.query(`drop owned by ${role}; drop role ${role}`);
        },
      };
    },
  };
}

export async function onMariaDb(): Promise<ShopDatabase> {
  const { pool, url, database } = await testMariaDatabase();
  return {
    name: 'MariaDB',
    sql: {
      laneFunction: mariaDbLaneFunction,
      addBySql: addByMariaDb,
      changeLanes: changeMariaDbLanes,
    },
    adapter: fromMysql2(pool) as TransactionAdapter,
    store: new MariaDbOutboxStore({ database: pool }),
    async query(sql, values) {
      const connection = await pool.getConnection();
      try {
        let rows: unknown;
        for (const statement of values ? [sql] : statementsOf(sql))
          [rows] = await connection.query(statement, values);
        return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
      } finally {
        connection.release();
      }
    },
    async asService(more) {
      const user = newName();
      await pool.query(`create user ${user} identified by 'service'`);
      await pool.query(grantMariaDbRights(database, user));
      if (more) await pool.query(`grant create on ${database}.* to ${user}`);
      const own = createPool({ uri: as(user, url) });
      return {
        adapter: fromMysql2(own) as TransactionAdapter,
        store: (migrate) => new MariaDbOutboxStore({ database: own, migrate }),
        async close() {
          await own.end();
          await pool.query(`drop user ${user}`);
        },
      };
    },
  };
}

/** Of a script; the body of a function is one statement. */
export function statementsOf(sql: string): string[] {
  if (/create function/.test(sql)) return [sql];
  return sql.split(';').filter((statement) => statement.trim() !== '');
}

function as(user: string, address: string): string {
  const url = new URL(address);
  [url.username, url.password] = [user, 'service'];
  return url.href;
}
