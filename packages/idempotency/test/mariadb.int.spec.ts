import 'reflect-metadata';
import { inspect } from 'node:util';
import {
  freePort,
  openContext,
  startPrivate,
  testMariaDatabase,
  waitFor,
  type TestMariaDatabase,
} from '@acme/internal-testing';
import {
  IdempotencyModule,
  IdempotencyService,
  MariaDbIdempotencyStore,
} from '@acme/nest-idempotency';
import { fromMariadb, sqlOf, TransactionModule } from '@acme/nest-transaction';
import type { Pool as MariadbPool } from 'mariadb';
import { createPool, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Gate } from './support/ledger.js';
import { appOf, mariadbPool, openProcess } from './support/maria.js';

const MINUTE_MS = 60_000;
const SECRET = 'number-of-a-card';

describe('MariaDbIdempotencyStore', () => {
  let database: TestMariaDatabase;
  let pool: MariadbPool;
  let table: string;
  let last = 0;

  beforeAll(async () => {
    database = await testMariaDatabase();
    pool = mariadbPool(database.url);
  });
  afterAll(() => pool.end());

  beforeEach(() => {
    table = `keys_${(last += 1)}`;
  });

  const rowsOf = async (sql: string): Promise<RowDataPacket[]> =>
    (await database.pool.query<RowDataPacket[]>(sql))[0];
  const request = (n: number) => ({
    id: n.toString(16).padStart(64, '0'),
    name: 'n',
    fingerprint: undefined,
  });

  it('refuses to start without its table, and says what to do', async () => {
    const store = new MariaDbIdempotencyStore({ table });
    await expect(openProcess(database.pool, { store })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFIGURATION',
      problems: [expect.stringMatching(/`keys_\d+` is missing.*migrate: true/)],
    });
  });

  it('creates its tables once, however many do so at once, in transactions and beside them', async () => {
    const module = IdempotencyModule.forRoot({
      namespace: 'maria',
      store: new MariaDbIdempotencyStore({ table }),
      migrate: true,
    });
    const others = Array.from({ length: 4 }, () =>
      openContext(appOf(TransactionModule.forRoot({ adapter: fromMariadb(pool) }), module)),
    );
    await Promise.all([
      ...Array.from({ length: 4 }, () =>
        openProcess(database.pool, {
          store: new MariaDbIdempotencyStore({ table }),
          migrate: true,
        }),
      ),
      ...others,
      ...[pool, pool, database.pool, database.pool].map((own) =>
        new MariaDbIdempotencyStore({ table, database: own }).migrate(),
      ),
    ]);
    expect(await rowsOf(`select version from ${table}_migrations`)).toEqual([{ version: 1 }]);
  });

  it('creates the database that it is told to keep its tables in', async () => {
    const schema = `${database.database}_keys`;
    const store = new MariaDbIdempotencyStore({ schema, table, database: pool });
    try {
      await Promise.all([store.migrate(), store.migrate()]);
      expect(await store.check()).toEqual([]);
      const claim = await store.claim({ ...request(1), token: 'a', lockTtlMs: MINUTE_MS });
      expect(claim.state).toBe('claimed');
      expect(await rowsOf(`select name from ${schema}.${table}`)).toEqual([{ name: 'n' }]);
    } finally {
      await database.pool.query(`drop database ${schema}`);
    }
  });

  it('gives its lock back when it cannot create its tables, and says why', async () => {
    await database.pool.query(`create table ${table}_migrations (wrong int)`);
    const store = new MariaDbIdempotencyStore({ table, database: pool });
    await expect(store.migrate()).rejects.toMatchObject({ errno: 1054 });
    await expect(
      openProcess(database.pool, { store: new MariaDbIdempotencyStore({ table }), migrate: true }),
    ).rejects.toMatchObject({ problems: [expect.stringMatching(/^migrate: .*version/)] });
  });

  it('finishes what a process began that died while it migrated', async () => {
    const store = new MariaDbIdempotencyStore({ table, database: pool });
    await store.migrate();
    await database.pool.query(`delete from ${table}_migrations`);
    expect(await store.check()).toMatchObject([{ severity: 'error' }]);
    await store.migrate();
    expect(await store.check()).toEqual([]);
  });

  it('keeps leases without any transactions', async () => {
    const store = () => new MariaDbIdempotencyStore({ table, database: pool });
    const module = () =>
      IdempotencyModule.forRoot({ namespace: 'maria', store: store(), migrate: true });
    const [one, other] = await Promise.all(
      [1, 2].map(async () => (await openContext(appOf(module()))).app.get(IdempotencyService)),
    );
    const gate = new Gate();
    let runs = 0;
    const first = one!.run(
      'k',
      async () => {
        runs += 1;
        await gate.passed;
        return { run: runs };
      },
      { name: 'lease' },
    );
    await waitFor(() => runs === 1);
    const again = async () => ({ run: (runs += 1) });
    const refused = other!.run('k', again, { name: 'lease', waitTimeout: 0 });
    await expect(refused).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_IN_USE' });
    const waiting = other!.run('k', again, { name: 'lease' });
    gate.open();
    expect(await Promise.all([first, waiting])).toEqual([{ run: 1 }, { run: 1 }]);
  });

  it('keeps leases over the transactions that there are, and gives them back', async () => {
    const store = new MariaDbIdempotencyStore({ table });
    const { service } = await openProcess(database.pool, { store, migrate: true });
    const options = { name: 'lease', mode: 'lease' } as const;
    const failing = service.run('k', () => Promise.reject(new RangeError('no')), options);
    await expect(failing).rejects.toThrow(RangeError);
    expect(await service.run('k', async () => 1, options)).toBe(1);
    expect(await service.run('k', async () => 2, options)).toBe(1);
  });

  it('runs nothing while the database cannot be asked', async () => {
    const nowhere = createPool({ host: '127.0.0.1', port: await freePort(), connectionLimit: 1 });
    const { service, log } = await openProcess(nowhere);
    expect(log.messages('warn')[0]).toContain('could not be checked at boot');
    let runs = 0;
    for (const mode of ['transaction', 'lease'] as const) {
      const running = service.run('k', async () => (runs += 1), { name: 'down', mode });
      await expect(running).rejects.toMatchObject({
        code: 'IDEMPOTENCY_STORE_UNAVAILABLE',
        cause: { code: 'ECONNREFUSED' },
      });
    }
    expect(runs).toBe(0);
    await nowhere.end();
  });

  it.each(['mysql2', 'mariadb'])(
    'tells nobody the reply that it could not store, %s',
    async (driver) => {
      const adapter = driver === 'mariadb' ? fromMariadb(pool) : undefined;
      const store = new MariaDbIdempotencyStore({ table });
      const { app, log } = adapter
        ? await openContext(
            appOf(
              TransactionModule.forRoot({ adapter }),
              IdempotencyModule.forRoot({ namespace: 'maria', store, migrate: true }),
            ),
          )
        : await openProcess(database.pool, { store, migrate: true });
      await database.pool.query(
        `create trigger ${table}_full before update on ${table} for each row
         if new.outcome is not null then signal sqlstate '45000' set message_text = 'the disk is full'; end if`,
      );
      const service = app.get(IdempotencyService);
      const reply = async () => ({ card: SECRET });
      const failing = service.run('t', reply, { name: 'transaction', effect: 'none' });
      const error: unknown = await failing.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ message: 'the disk is full', sqlState: '45000' });
      // A lease has run by then: its caller gets the reply, and the log what went wrong.
      expect(await service.run('l', reply, { name: 'lease', mode: 'lease' })).toEqual({
        card: SECRET,
      });
      const logged = log.messages().join('\n');
      expect(logged).toContain('its outcome cannot be stored');
      expect(`${inspect(error, { depth: 10 })} ${inspect(log, { depth: 10 })}`).not.toContain(
        SECRET,
      );
    },
  );

  it('numbers a claim that had to wait after all that came before it, also those that left no record', async () => {
    const store = new MariaDbIdempotencyStore({ table, database: pool });
    await store.migrate();
    const connection = await database.pool.getConnection();
    await connection.query('start transaction');
    await store.inTransaction.claim(sqlOf(connection), request(1), MINUTE_MS);
    const waiting = store.claim({ ...request(1), token: 'a', lockTtlMs: MINUTE_MS });
    await waitFor(async () => {
      const waits = await rowsOf(
        `select 1 from information_schema.processlist where info like '%into _${table}_%' and id <> connection_id()`,
      );
      return waits.length > 0;
    });
    const [now] = await rowsOf(
      "select timestampdiff(microsecond, '1970-01-01', utc_timestamp(6)) as clock",
    );
    await connection.query('rollback');
    connection.release();
    const claim = await waiting;
    expect(claim).toMatchObject({ state: 'claimed', attempt: 1 });
    const { fence } = claim as Extract<typeof claim, { state: 'claimed' }>;
    expect(fence).toBeGreaterThan(Number(now!['clock']));
    expect(await store.get(request(1).id)).toMatchObject({ fence });
  });

  it('purges beside open transactions: what they hold is left, and nobody waits', async () => {
    const store = new MariaDbIdempotencyStore({ table, database: pool });
    await store.migrate();
    const past = [1, 2, 3].map(request);
    for (const one of past) await store.claim({ ...one, token: 'a', lockTtlMs: 1 });
    await waitFor(async () => (await store.get(past[2]!.id)) === undefined);
    const connection = await database.pool.getConnection();
    await connection.query('start transaction');
    const sql = sqlOf(connection);
    expect(await store.inTransaction.claim(sql, past[0]!, MINUTE_MS)).toMatchObject({
      state: 'claimed',
    });
    const removed = await Promise.all([store.purge(100), store.purge(100), store.purge(100)]);
    expect(removed.reduce((sum, n) => sum + n)).toBe(2);
    await connection.query('commit');
    connection.release();
    expect(await store.get(past[0]!.id)).toMatchObject({ state: 'done' });
  });

  it('lets new keys be claimed while it purges', async () => {
    const store = new MariaDbIdempotencyStore({ table, database: pool });
    const { transactions } = await openProcess(database.pool, {
      store: new MariaDbIdempotencyStore({ table }),
      migrate: true,
    });
    let running = 0;
    let done = false;
    const purging = (async () => {
      while (!done) await store.purge(500);
    })();
    const claimer = async (from: number): Promise<void> => {
      for (let n = from; n < from + 150; n += 1)
        await transactions.run(async () => {
          const claim = await store.inTransaction.claim(transactions.sql(), request(n * 7), 3);
          if (claim.state !== 'claimed') running += 1;
        });
    };
    await Promise.all([1, 2, 3, 4].map((n) => claimer(n * 1_000)));
    done = true;
    await purging;
    expect(running).toBe(0);
  });

  it('refuses a server whose lock wait timeouts undo transactions', async () => {
    const server = await startPrivate('mariadb', {
      settings: { innodb_rollback_on_timeout: 'on' },
    });
    const own = createPool({ uri: `${server.url}/mysql`, connectionLimit: 2 });
    try {
      for (const migrate of [true, false])
        await expect(openProcess(own, { migrate })).rejects.toMatchObject({
          problems: [
            expect.stringMatching(/^store: .*innodb_rollback_on_timeout.*off is the default/),
          ],
        });
    } finally {
      await own.end();
      await server.stop();
    }
  });
});
