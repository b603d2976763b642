import {
  Module,
  type DynamicModule,
  type INestApplicationContext,
  type Type,
} from '@nestjs/common';
import { openContext, type Opened } from '@acme/internal-testing';
import {
  IdempotencyModule,
  IdempotencyService,
  MariaDbIdempotencyStore,
  type IdempotencyModuleOptions,
} from '@acme/nest-idempotency';
import { fromMysql2, TransactionModule, Transactions } from '@acme/nest-transaction';
import { createPool, type Pool as MariadbPool } from 'mariadb';
import type { Pool, PoolConnection } from 'mysql2/promise';

/** A pool of the library `mariadb`, for the database that an URL of `mysql2` names. */
export function mariadbPool(url: string): MariadbPool {
  const { hostname, port, username, password, pathname } = new URL(url);
  return createPool({
    host: hostname,
    port: Number(port),
    user: username,
    password,
    database: pathname.slice(1),
    connectionLimit: 10,
  });
}

/** What a test sees and decides about every statement. */
export interface Tap {
  readonly statements: string[];
  /** The numbers of the errors that the server answered with. */
  readonly errors: number[];
  /** Held up after the statement has been answered. */
  after?: ((sql: string) => Promise<void> | undefined) | undefined;
}

/** The same pool, tapped. */
export function tapped(pool: Pool, tap: Tap): Pick<Pool, 'getConnection'> {
  return {
    getConnection: async () => {
      const connection = await pool.getConnection();
      const query = connection.query.bind(connection) as (...args: unknown[]) => Promise<unknown>;
      return Object.assign(Object.create(connection) as PoolConnection, {
        query: async (...args: unknown[]) => {
          const sql = String(args[0]).trim();
          tap.statements.push(sql);
          try {
            return await query(...args);
          } catch (error) {
            tap.errors.push((error as { errno: number }).errno);
            throw error;
          } finally {
            await tap.after?.(sql);
          }
        },
      });
    },
  };
}

export interface Process extends Opened<INestApplicationContext> {
  readonly service: IdempotencyService;
  readonly transactions: Transactions<PoolConnection>;
  /** The effect: a row, written in the open transaction. */
  charge(order: string): Promise<void>;
}

/** An application as one process of a service has it: nothing is shared with others but the database. */
export async function openProcess(
  pool: Pick<Pool, 'getConnection'>,
  options: Partial<IdempotencyModuleOptions> = {},
): Promise<Process> {
  const opened = await openContext(
    appOf(
      TransactionModule.forRoot({ adapter: fromMysql2(pool) }),
      IdempotencyModule.forRoot({
        namespace: 'maria',
        store: new MariaDbIdempotencyStore(),
        ...options,
      }),
    ),
  );
  const transactions = opened.app.get<Transactions<PoolConnection>>(Transactions);
  return {
    ...opened,
    service: opened.app.get(IdempotencyService),
    transactions,
    charge: async (order) => {
      await transactions.current().query('insert into charges (order_id) values (?)', [order]);
    },
  };
}

export function appOf(...imports: DynamicModule[]): Type {
  @Module({ imports })
  class App {}
  return App;
}
