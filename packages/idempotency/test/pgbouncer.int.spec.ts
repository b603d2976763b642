import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Module } from '@nestjs/common';
import {
  openContext,
  startPgBouncer,
  testDatabase,
  type TestDatabase,
} from '@acme/internal-testing';
import {
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
} from '@acme/nest-idempotency';
import {
  sqlStoreContract,
  storeContract,
  type SqlStoreContractFixture,
  type StoreContractFixture,
} from '@acme/nest-idempotency/testing';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import { itPasses } from '@acme/internal-testing/contracts';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chargesOf, createCharges } from './support/ledger.js';
import { postgresFixture } from './support/postgres-fixture.js';

describe('PostgreSQL through a PgBouncer in transaction mode', () => {
  let database: TestDatabase;
  let few: string;
  let fixture: StoreContractFixture & SqlStoreContractFixture;
  let close: () => Promise<unknown>;

  beforeAll(async () => {
    database = await testDatabase();
    await createCharges(database);
    const start = async (poolSize: number): Promise<string> =>
      (await startPgBouncer({ upstream: database.url, poolSize })).url;
    // The contract opens five transactions at once; everything else has to share two connections.
    const [many, two] = await Promise.all([start(8), start(2)]);
    few = two;
    const pool = new pg.Pool({ connectionString: many, max: 10 });
    // Who listens needs a connection to itself, which no PgBouncer in transaction mode gives.
    const opened = await postgresFixture({
      pool,
      url: many,
      schema: database.schema,
      listenTo: database.url,
    });
    ({ fixture } = opened);
    close = async () => {
      await opened.close();
      await pool.end();
    };
  });
  afterAll(() => close());

  itPasses(storeContract(() => fixture));
  itPasses(sqlStoreContract(() => fixture));

  it.each(['transaction', 'lease'] as const)(
    'has one effect for 100 duplicates in ten processes, %s mode',
    async (mode) => {
      const pools = Array.from(
        { length: 10 },
        () => new pg.Pool({ connectionString: few, max: 10 }),
      );
      const order = randomUUID();
      const opened = await Promise.all(
        pools.map(async (pool) => {
          @Module({
            imports: [
              TransactionModule.forRoot({ adapter: fromPg(pool) }),
              IdempotencyModule.forRoot({
                namespace: 'bounced',
                store: new PostgresIdempotencyStore({ schema: database.schema }),
                waitTimeout: '30s',
              }),
            ],
          })
          class Bounced {}
          return openContext(Bounced);
        }),
      );
      let runs = 0;
      const charge = (n: number): Promise<number> => {
        const { app } = opened[n % opened.length]!;
        const transactions = app.get<Transactions<pg.PoolClient>>(Transactions);
        return app.get(IdempotencyService).run(
          order,
          async () => {
            const client = mode === 'transaction' ? transactions.current() : pools[0]!;
            await client.query('insert into charges (order_id) values ($1)', [order]);
            return (runs += 1);
          },
          { name: 'charge', mode },
        );
      };
      const replies = await Promise.all(Array.from({ length: 100 }, (_, n) => charge(n)));
      expect(new Set(replies)).toEqual(new Set([1]));
      expect(await chargesOf(database, order)).toBe(1);
      await Promise.all(opened.map((one) => one.close()));
      await Promise.all(pools.map((pool) => pool.end()));
    },
  );
});
