import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { openContext, testDatabase, waitFor } from '@acme/internal-testing';
import {
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
} from '@acme/nest-idempotency';
import { fromPg, sqlStateOf, TransactionModule, Transactions } from '@acme/nest-transaction';
import pg from 'pg';
import { expect, it } from 'vitest';

const setUp = async () => {
  const database = await testDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 1 });
  @Module({
    imports: [
      TransactionModule.forRoot({ adapter: fromPg(pool) }),
      IdempotencyModule.forRoot({
        namespace: 'opening',
        store: new PostgresIdempotencyStore({ schema: database.schema }),
        migrate: true,
      }),
    ],
  })
  class App {}
  const { app, close } = await openContext(App);
  const service = app.get(IdempotencyService);
  const transactions = app.get<Transactions<pg.PoolClient>>(Transactions);
  let runs = 0;
  const run = (isolation?: 'serializable') =>
    service.run(
      'key',
      async () => {
        transactions.current();
        return (runs += 1);
      },
      { name: 'job', isolation },
    );
  const refused = () =>
    run().then(
      () => 'ran',
      ({ code, cause }: { code: string; cause?: unknown }) => `${code} ${sqlStateOf(cause)}`,
    );
  /** Of its only connection: what a failed opening leaves behind would be seen here. */
  const assertClean = async () => {
    const client = await pool.connect();
    const { rows } = await client.query(
      'select pg_current_xact_id_if_assigned() is null as idle, now() = statement_timestamp() as fresh',
    );
    client.release();
    expect(rows).toEqual([{ idle: true, fresh: true }]);
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 1, 0]);
  };
  return {
    database,
    pool,
    run,
    refused,
    assertClean,
    runs: () => runs,
    table: `"${database.schema}"."records"`,
    close: async () => {
      await close();
      await pool.end();
      await database.close();
    },
  };
};

it('is unavailable without its table, and gives its connection back clean', async () => {
  const { database, table, refused, assertClean, run, runs, close } = await setUp();
  await database.pool.query(`alter table ${table} rename to elsewhere`);
  expect(await refused()).toBe('IDEMPOTENCY_STORE_UNAVAILABLE 42P01');
  await assertClean();
  await database.pool.query(`alter table "${database.schema}".elsewhere rename to records`);
  expect(await run()).toBe(1);
  expect(runs()).toBe(1);
  await close();
});

it.each([
  ['is cancelled', 'pg_cancel_backend', '57014'],
  ['loses its connection', 'pg_terminate_backend', '57P01'],
])(
  'is unavailable when its opening statement %s, and is itself again afterwards',
  async (_, end, state) => {
    const { database, pool, table, refused, assertClean, run, runs, close } = await setUp();
    const blocker = await database.pool.connect();
    await blocker.query(`begin; lock table ${table} in access exclusive mode`);
    const refusal = refused();
    await waitFor(async () => {
      const { rows } = await database.pool.query(
        `select ${end}(pid) from pg_stat_activity where wait_event_type = 'Lock' and query like 'begin; insert into ${table}%'`,
      );
      return rows.length === 1;
    });
    expect(await refusal).toBe(`IDEMPOTENCY_STORE_UNAVAILABLE ${state}`);
    await blocker.query('rollback');
    blocker.release();
    expect(await run('serializable')).toBe(1);
    await assertClean();
    expect(await run()).toBe(1);
    expect(runs()).toBe(1);
    expect(pool.totalCount).toBe(1);
    await close();
  },
);
