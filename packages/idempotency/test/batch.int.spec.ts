import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { openContext, testDatabase, testRedis, type TestDatabase } from '@acme/internal-testing';
import {
  IdempotencyModule,
  IdempotencyService,
  InMemoryIdempotencyStore,
  PostgresIdempotencyStore,
  RedisIdempotencyStore,
  type IdempotencyModuleOptions,
  type RunBatchOptions,
} from '@acme/nest-idempotency';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Gate } from './support/ledger.js';

interface Item {
  readonly id: string;
  readonly amount?: number;
}

let database: TestDatabase;
let statements: string[];

/** A pool of its own, with a look at the first word of what goes over it. */
const watchedPool = (): pg.Pool => {
  const pool = new pg.Pool({ connectionString: database.url });
  const see = (text: unknown): void => void statements.push(String(text).trim().split(/\s/)[0]!);
  const watching = new WeakSet<object>();
  const connect = pool.connect.bind(pool) as () => Promise<pg.PoolClient>;
  pool.connect = (async () => {
    const client = await connect();
    if (watching.has(client)) return client;
    watching.add(client);
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      see(args[0]);
      return query(...args);
    }) as never;
    return client;
  }) as never;
  return pool;
};

const items = (count: number): Item[] =>
  Array.from({ length: count }, () => ({ id: randomUUID() }));
const keyOf = ({ id }: Item): string => id;

beforeAll(async () => {
  database = await testDatabase();
  await database.pool.query('create table effects (id text not null)');
});

describe.each(['PostgreSQL transaction', 'PostgreSQL lease', 'Redis', 'memory'] as const)(
  'a batch, %s',
  (kind) => {
    let service: IdempotencyService;
    let transactions: Transactions<pg.PoolClient> | undefined;
    const transactional = kind === 'PostgreSQL transaction';

    const storeOf = async (): Promise<IdempotencyModuleOptions['store']> => {
      if (kind === 'memory') return new InMemoryIdempotencyStore();
      if (kind === 'Redis') {
        const { client, prefix } = await testRedis();
        return new RedisIdempotencyStore(client, { prefix });
      }
      return new PostgresIdempotencyStore({
        schema: `${database.schema}_${transactional ? 'tx' : 'lease'}`,
        ...(transactional ? {} : { database: database.pool }),
      });
    };

    beforeAll(async () => {
      statements = [];
      const store = await storeOf();
      const pool = transactional ? watchedPool() : undefined;
      @Module({
        imports: [
          ...(transactional ? [TransactionModule.forRoot({ adapter: fromPg(pool!) })] : []),
          IdempotencyModule.forRoot({ namespace: 'batch', store, migrate: true, lockTtl: '900ms' }),
        ],
      })
      class Batches {}
      const { app } = await openContext(Batches);
      service = app.get(IdempotencyService);
      transactions = transactional ? app.get(Transactions) : undefined;
      return () => pool?.end();
    });
    beforeEach(() => {
      statements = [];
    });

    /** The effect: a row for each item. */
    const effect = async (given: readonly Item[]): Promise<void> => {
      const sql = 'insert into effects (id) select unnest($1::text[])';
      await (transactions?.current() ?? database.pool).query(sql, [given.map(keyOf)]);
    };
    const effects = async (given: readonly Item[]): Promise<number> => {
      const sql = 'select count(*)::integer as count from effects where id = any($1)';
      const { rows } = await database.pool.query<{ count: number }>(sql, [given.map(keyOf)]);
      return rows[0]!.count;
    };
    const run = (
      given: readonly Item[],
      fn: (items: Item[], signal: AbortSignal) => Promise<readonly string[] | void> = effect,
      options: Partial<RunBatchOptions<Item>> = {},
    ) =>
      service.runBatch<Item, string | void>(given, keyOf, fn as never, {
        name: 'rows',
        ...options,
      });
    const statesOf = async (running: ReturnType<typeof run>): Promise<string[]> =>
      (await running).map(({ state }) => state);

    it('of 50 with 10 duplicates runs for 40, which the function alone sees', async () => {
      const [old, fresh] = [items(10), items(40)];
      await run(old);
      statements = [];
      const seen: Item[] = [];
      const all = [...fresh.slice(0, 20), ...old, ...fresh.slice(20)];
      const outcomes = await run(all, async (given) => {
        seen.push(...given);
        await effect(given);
      });
      expect(seen).toEqual(fresh);
      expect(outcomes.map(({ item }) => item)).toEqual(all);
      expect(outcomes.filter(({ state }) => state === 'ran')).toHaveLength(40);
      expect(outcomes.slice(20, 30).every(({ state }) => state === 'replayed')).toBe(true);
      expect(await effects(all)).toBe(50);
      // One claim for all, one look at the duplicates. Only the transaction's connection is watched.
      const expected = ['begin', 'insert', 'select', 'insert', 'commit'];
      expect(statements).toEqual(transactional ? expected : []);
    });

    it('replays a result for each item', async () => {
      const given = items(3);
      const reply = async (some: Item[]) => some.map(({ id }) => `done ${id}`);
      const expected = given.map(({ id }) => `done ${id}`);
      const first = await run(given, reply, { effect: 'none' });
      expect(first).toEqual(given.map((item, at) => ({ item, state: 'ran', value: expected[at] })));
      const again = await run([...given].reverse(), reply, { effect: 'none' });
      expect(again.map((one) => 'value' in one && one.value)).toEqual(expected.reverse());
    });

    it('takes the first of several with one key, and tells when they differ', async () => {
      const [id, other] = [randomUUID(), randomUUID()];
      const given = [{ id, amount: 1 }, { id, amount: 1 }, { id, amount: 2 }, { id: other }];
      const options = { fingerprint: ({ amount = 0 }: Item) => amount };
      expect(await statesOf(run(given, effect, options))).toEqual([
        'ran',
        'replayed',
        'reused',
        'ran',
      ]);
      expect(await effects([{ id }])).toBe(1);
      expect(await statesOf(run([{ id, amount: 2 }], effect, options))).toEqual(['reused']);
    });

    it('leaves none behind when the function fails', async () => {
      const given = items(5);
      const failing = run(given, async (some) => {
        await effect(some);
        throw new Error('down');
      });
      await expect(failing).rejects.toThrow('down');
      expect(await effects(given)).toBe(transactional ? 0 : 5);
      expect(await statesOf(run(given))).toEqual(given.map(() => 'ran'));
    });

    it('tells what runs elsewhere, and waits for nobody', async () => {
      const given = items(4);
      const gate = new Gate();
      const inside = new Gate();
      const first = run(given.slice(0, 2), async (some) => {
        await effect(some);
        inside.open();
        await gate.passed;
      });
      await inside.passed;
      const second = await statesOf(run(given));
      expect(second).toEqual(['running', 'running', 'ran', 'ran']);
      gate.open();
      await first;
      expect(await statesOf(run(given))).toEqual(given.map(() => 'replayed'));
      expect(await effects(given)).toBe(4);
    });

    it('refuses results that nobody can assign, and keys that are none', async () => {
      const given = items(2);
      const one = run(given, async () => ['one'], { effect: 'none' });
      await expect(one).rejects.toThrow(/was given 2 items and returned 1 results/);
      await expect(run([{ id: '' }])).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REQUIRED' });
      const unnamed = run(given, effect, { name: '', ttl: 'soon' as never });
      await expect(unnamed).rejects.toMatchObject({ problems: { length: 2 } });
      expect(await run([])).toEqual([]);
    });
  },
);
