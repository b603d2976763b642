import 'reflect-metadata';
import { Module, type Type } from '@nestjs/common';
import { freePort, openContext, testDatabase, type TestDatabase } from '@acme/internal-testing';
import {
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
  type IdempotencyModuleOptions,
} from '@acme/nest-idempotency';
import {
  fromPg,
  getTransactionsToken,
  sqlOf,
  TransactionModule,
  Transactions,
} from '@acme/nest-transaction';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

describe('PostgresIdempotencyStore', () => {
  let database: TestDatabase;
  let schema: string;
  let last = 0;

  beforeAll(async () => {
    database = await testDatabase();
  });

  beforeEach(() => {
    schema = `${database.schema}_${(last += 1)}`;
  });

  const appOn = (pool: pg.Pool, options: Partial<IdempotencyModuleOptions> = {}): Type => {
    const store = new PostgresIdempotencyStore({ schema });
    @Module({
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(pool) }),
        IdempotencyModule.forRoot({ namespace: 'pg', store, ...options }),
      ],
    })
    class App {}
    return App;
  };

  it('refuses to start without its table, and says what to do', async () => {
    await expect(openContext(appOn(database.pool))).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFIGURATION',
      problems: [expect.stringMatching(/"records" is missing.*migrate: true/)],
    });
  });

  it('creates its tables once, however many processes start at once, again and again', async () => {
    const apps = [1, 2, 3, 4].map(() => openContext(appOn(database.pool, { migrate: true })));
    await Promise.all(apps);
    await openContext(appOn(database.pool, { migrate: true }));
    await openContext(appOn(database.pool));
    const { rows } = await database.pool.query(`select version from ${schema}.records_migrations`);
    expect(rows).toEqual([{ version: 1 }]);
  });

  it('warns of an index that is missing, and tells how to have it again', async () => {
    await openContext(appOn(database.pool, { migrate: true }));
    await database.pool.query(`drop index ${schema}.records_expires_at`);
    const { log } = await openContext(appOn(database.pool));
    const warning = log.messages('warn').find((text) => text.includes('has lost its index'))!;
    await database.pool.query(/(create index .*)\.$/.exec(warning)![1]!);
    const again = await openContext(appOn(database.pool));
    expect(again.log.messages('warn')).toEqual([]);
  });

  it('says why it could not create its tables', async () => {
    const pool = new pg.Pool({ host: '127.0.0.1', port: await freePort(), max: 1 });
    await expect(openContext(appOn(pool, { migrate: true }))).rejects.toMatchObject({
      problems: [expect.stringMatching(/^migrate: .*ECONNREFUSED.*leave migrate out/)],
      cause: { code: 'ECONNREFUSED' },
    });
    await pool.end();
  });

  it('migrates by hand, where a service has no right to', async () => {
    await new PostgresIdempotencyStore({ schema, database: database.pool }).migrate();
    const { app } = await openContext(appOn(database.pool));
    expect(
      await app.get(IdempotencyService).run('k', async () => 1, { name: 'n', effect: 'none' }),
    ).toBe(1);
  });

  it('gives a free key to one of those who have found it free', async () => {
    const { pool } = database;
    const quick = new PostgresIdempotencyStore({ schema, database: pool });
    await quick.migrate();
    const id = 'ab'.repeat(32);
    const claimWith = (store: PostgresIdempotencyStore, token: string) =>
      store.claim({ id, name: 'n', fingerprint: undefined, token, lockTtlMs: 60_000 });
    await quick.countAttempt({ id, name: 'n', fingerprint: undefined }, 60_000);
    // Between the look of the slow one and its claim, the quick one comes and goes.
    let between: unknown;
    const slow = new PostgresIdempotencyStore({
      schema,
      database: {
        dialect: 'postgres',
        query: async (sql: string, params: unknown[]) => {
          if (sql.trim().startsWith('update')) between = await claimWith(quick, 'quick');
          return sqlOf(pool).query(sql, params);
        },
      },
    });
    expect(await claimWith(slow, 'slow')).toMatchObject({ state: 'running' });
    expect(between).toMatchObject({ state: 'claimed' });
    expect(await quick.extend(id, 'quick', 60_000)).toBe('held');
  });

  it('gives fences that grow although the clock of the server went back', async () => {
    const { pool } = database;
    const store = new PostgresIdempotencyStore({ schema, database: pool });
    await store.migrate();
    const request = { id: 'ef'.repeat(32), name: 'n', fingerprint: undefined };
    await store.countAttempt(request, 60_000);
    const ahead = 2 ** 52;
    await pool.query(`update ${schema}.records set fence = $1`, [ahead]);
    const claim = await store.claim({ ...request, token: 't', lockTtlMs: 60_000 });
    expect(claim).toMatchObject({ state: 'claimed', fence: ahead + 1 });
  });

  it('does not wait for a transaction that has a key which was free', async () => {
    const { pool } = database;
    const store = new PostgresIdempotencyStore({ schema, database: pool });
    await store.migrate();
    const request = { id: 'cd'.repeat(32), name: 'n', fingerprint: undefined };
    await store.countAttempt(request, 60_000);
    const clients = [await pool.connect(), await pool.connect()];
    const claims = [];
    try {
      for (const client of clients) {
        await client.query(`begin; set local statement_timeout = '5s'`);
        claims.push(await store.inTransaction.claim(sqlOf(client), request, 60_000));
      }
      expect(claims).toMatchObject([{ state: 'claimed', attempt: 2 }, { state: 'running' }]);
    } finally {
      for (const client of clients) {
        await client.query('rollback');
        client.release();
      }
    }
  });

  it.each(['on', 'off'])(
    'takes any name and any time along with the begin, standard_conforming_strings %s',
    async (strings) => {
      const store = new PostgresIdempotencyStore({ schema, database: database.pool });
      await store.migrate();
      const client = await database.pool.connect();
      try {
        await client.query(`set standard_conforming_strings = ${strings}`);
        // Each of what needs thought alone, too: what is plain but for one character is sent in another way only then.
        const names = [
          'Billing.charge',
          "it's",
          'a\\',
          'a\nb',
          'ü',
          `it's "x" \\ \\' $1 -- ü 😀\n`,
          `\\'); drop table x; --`,
        ];
        const times = [1_500, 3_600_000, 30 * 86_400_000 + 1, 90 * 365 * 86_400_000];
        for (const [at, name] of [...names, ...times.map(String)].entries()) {
          const ttlMs = times[at - names.length] ?? 60_000;
          const fingerprint = at % 2 === 0 ? 'f'.repeat(64) : undefined;
          const request = { id: randomUUID().replaceAll('-', '').repeat(2), name, fingerprint };
          const opening = store.inTransaction.opening!(request, ttlMs);
          const [, opened] = (await client.query(
            `begin; ${opening}`,
          )) as unknown as pg.QueryResult[];
          const sql = sqlOf(client);
          const result = { rows: opened!.rows as Record<string, unknown>[], rowCount: 1 };
          const claim = await store.inTransaction.claim(sql, request, ttlMs, result);
          expect(claim).toMatchObject({ state: 'claimed', attempt: 1 });
          await client.query('commit');
          const record = (await store.get(request.id))!;
          expect(record).toMatchObject({ ...request, state: 'done' });
          expect(record.expiresAt.getTime() - record.createdAt.getTime()).toBe(ttlMs);
        }
      } finally {
        client.release(true);
      }
    },
  );

  it('claims by its primary key, and never in a sequential scan', async () => {
    const { app } = await openContext(appOn(database.pool, { migrate: true }));
    const service = app.get(IdempotencyService);
    for (let n = 0; n < 50; n += 1)
      await service.run(n, async () => undefined, { name: 'plan', effect: 'none' });
    const { rows } = await database.pool
      .query<{ 'QUERY PLAN': string }>(
        `set enable_seqscan = off; explain select outcome from ${schema}.records where id = '\\x00'`,
      )
      .then((results) => (results as unknown as (typeof results)[])[1]!);
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('records_pkey');
  });

  it('runs nothing while the database cannot be asked', async () => {
    const pool = new pg.Pool({ host: '127.0.0.1', port: await freePort(), max: 1 });
    const { app, log } = await openContext(appOn(pool));
    expect(log.messages('warn')[0]).toContain('could not be checked at boot');
    let runs = 0;
    const running = app.get(IdempotencyService).run('k', async () => (runs += 1), { name: 'down' });
    await expect(running).rejects.toMatchObject({
      code: 'IDEMPOTENCY_STORE_UNAVAILABLE',
      cause: { code: 'ECONNREFUSED' },
    });
    expect(runs).toBe(0);
    await pool.end();
  });

  it('undoes a batch whose function never used the transaction', async () => {
    const { app } = await openContext(appOn(database.pool, { migrate: true }));
    const service = app.get(IdempotencyService);
    const options = { name: 'batch' };
    const running = service.runBatch(
      ['a', 'b'],
      (key) => key,
      async () => {},
      options,
    );
    await expect(running).rejects.toMatchObject({ code: 'TRANSACTION_UNUSED' });
    expect(await service.inspect('a', options)).toBeUndefined();
  });

  it('does not call its database unavailable when the call does not fit into its transaction', async () => {
    const { app } = await openContext(appOn(database.pool, { migrate: true }));
    const transactions = app.get<Transactions>(getTransactionsToken());
    const options = { name: 'n', effect: 'none', isolation: 'serializable' } as const;
    const running = transactions.run(() =>
      app.get(IdempotencyService).run('k', async () => 1, options),
    );
    await expect(running).rejects.toMatchObject({ code: 'TRANSACTION_ISOLATION_CONFLICT' });
  });

  it('keeps leases over the transactions that there are, or over a pool of its own', async () => {
    const joined = await openContext(appOn(database.pool, { migrate: true }));
    @Module({
      imports: [
        IdempotencyModule.forRoot({
          namespace: 'pg',
          store: new PostgresIdempotencyStore({ schema, database: database.pool }),
        }),
      ],
    })
    class Alone {}
    const alone = await openContext(Alone);
    const count = async ({ app }: typeof alone, value: number, mode: 'lease' | 'auto') =>
      app.get(IdempotencyService).run('k', async () => value, { name: 'n', mode });
    expect(await count(joined, 1, 'lease')).toBe(1);
    expect(await count(alone, 2, 'auto')).toBe(1);
    const running = alone.app
      .get(IdempotencyService)
      .run('t', async () => 1, { name: 'n', mode: 'transaction' });
    await expect(running).rejects.toThrow(/mode: "transaction" needs the transactions of/);
  });

  it.each(['forRoot', 'forRootAsync'] as const)(
    'claims in the transactions it is told to, %s, and says whose were not used',
    async (how) => {
      const options = {
        namespace: 'pg',
        store: new PostgresIdempotencyStore({ schema }),
        migrate: true,
      };
      // The default transactions lead nowhere.
      const nowhere = new pg.Pool({ host: '127.0.0.1', port: await freePort(), max: 1 });
      @Module({
        imports: [
          TransactionModule.forRoot({ adapter: fromPg(nowhere) }),
          TransactionModule.forRoot({ adapter: fromPg(database.pool), name: 'billing' }),
          how === 'forRoot'
            ? IdempotencyModule.forRoot({ ...options, transactions: 'billing' })
            : IdempotencyModule.forRootAsync({
                useFactory: () => options,
                transactions: 'billing',
              }),
        ],
      })
      class App {}
      const { app } = await openContext(App);
      const service = app.get(IdempotencyService);
      const billing = app.get<Transactions<pg.PoolClient>>(getTransactionsToken('billing'));
      const own = (): Promise<boolean> =>
        service.run('k', async () => Boolean(billing.current()), { name: 'named' });
      expect([await own(), await own()]).toEqual([true, true]);
      const { rows } = await database.pool.query(`select name from ${schema}.records`);
      expect(rows).toEqual([{ name: 'named' }]);
      const unused = service.run('unused', async () => 1, { name: 'named' });
      await expect(unused).rejects.toThrow('Transactions "billing".current()');
      await nowhere.end();
    },
  );

  it('only warns in production about a transaction that was never used, once', async () => {
    process.env['NODE_ENV'] = 'production';
    try {
      const { app, log } = await openContext(appOn(database.pool, { migrate: true }));
      const service = app.get(IdempotencyService);
      await service.run('one', async () => 1, { name: 'unused' });
      await service.run('two', async () => 1, { name: 'unused' });
      const warnings = log.messages('warn').filter((text) => text.includes('never used'));
      expect(warnings).toHaveLength(1);
    } finally {
      process.env['NODE_ENV'] = 'test';
    }
  });
});
