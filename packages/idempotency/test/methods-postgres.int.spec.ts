import 'reflect-metadata';
import { Inject, Injectable, Module } from '@nestjs/common';
import {
  openContext,
  testDatabase,
  waitFor,
  type Opened,
  type TestDatabase,
} from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyInfo,
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
} from '@acme/nest-idempotency';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import type { INestApplicationContext } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { chargesOf, createCharges, Gate, Ledger } from './support/ledger.js';

interface Order {
  readonly id: string;
  readonly total?: number;
}

let gate: Gate | undefined;
/** Holds up what a look at a record has found. */
let lookups: Gate | undefined;
let runs = 0;

@Injectable()
class Billing {
  constructor(
    @Inject(Ledger) private readonly ledger: Ledger,
    @Inject(Transactions) private readonly transactions: Transactions,
  ) {}

  @Idempotent('id')
  async charge({ id }: Order): Promise<{ run: number; fence: number | undefined }> {
    runs += 1;
    await this.ledger.charge(id);
    await gate?.passed;
    return { run: runs, fence: IdempotencyInfo.current()?.fence };
  }

  @Idempotent({ keyFrom: { payload: 'id' } })
  async chargeAndFail({ id }: Order): Promise<void> {
    runs += 1;
    await this.ledger.charge(id);
    throw new RangeError('after the effect');
  }

  @Idempotent({ keyFrom: ({ args }) => args[0], ttl: '20ms' })
  async shortLived(id: string): Promise<number> {
    await this.ledger.charge(id);
    return (runs += 1);
  }

  @Idempotent('id')
  async outside(_order: Order): Promise<void> {
    runs += 1;
  }

  @Idempotent('id')
  async beside({ id }: Order): Promise<void> {
    this.transactions.current();
    await this.transactions.outside(() => this.transactions.run(() => this.ledger.charge(id)));
    throw new Error('beside');
  }

  @Idempotent({ keyFrom: { payload: 'id' }, effect: 'none' })
  async nothing(_order: Order): Promise<void> {
    runs += 1;
  }

  @Idempotent({ keyFrom: { payload: 'id' }, fingerprint: true })
  async compared({ id }: Order): Promise<void> {
    await this.ledger.charge(id);
  }

  @Idempotent({ keyFrom: { payload: 'id' }, isolation: 'serializable' })
  async serializable({ id }: Order): Promise<string> {
    runs += 1;
    await this.ledger.charge(id);
    await gate?.passed;
    return 'once';
  }

  @Idempotent({ keyFrom: { payload: 'id' }, isolation: 'repeatable read' })
  async repeatable({ id }: Order): Promise<string> {
    await this.ledger.charge(id);
    return 'once';
  }

  @Idempotent('id')
  async unkept({ id }: Order): Promise<{ later: () => number }> {
    runs += 1;
    await this.ledger.charge(id);
    return { later: () => 1 };
  }

  @Idempotent('id')
  async entity({ id }: Order): Promise<Gate> {
    runs += 1;
    await this.ledger.charge(id);
    return new Gate();
  }

  @Idempotent('id')
  async outer({ id }: Order): Promise<string> {
    await this.ledger.charge(id);
    await this.charge({ id });
    return 'outer';
  }

  apart<R>(fn: () => Promise<R>): Promise<R> {
    return this.transactions.outside(fn);
  }

  inTransaction<R>(fn: () => Promise<R>): Promise<R> {
    return this.transactions.run(fn);
  }
}

describe('plain methods, PostgreSQL, transaction mode', () => {
  let database: TestDatabase;
  let opened: Opened<INestApplicationContext>;
  let billing: Billing;
  let service: IdempotencyService;
  let statements: string[];
  let last = 0;

  beforeAll(async () => {
    database = await testDatabase();
    await createCharges(database);
    const { pool } = database;
    const connect = pool.connect.bind(pool) as () => Promise<PoolClient>;
    const counted = {
      connect: async () => {
        const client = await connect();
        const query = client.query.bind(client) as (...args: unknown[]) => unknown;
        return Object.assign(Object.create(client) as PoolClient, {
          query: async (...args: unknown[]) => {
            statements.push(String(args[0]).trim());
            const result = await query(...args);
            if (String(args[0]).trim().startsWith('select encode(r.id')) await lookups?.passed;
            return result;
          },
        });
      },
    };
    @Module({
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(counted) }),
        IdempotencyModule.forRoot({
          namespace: 'billing',
          store: new PostgresIdempotencyStore({ schema: database.schema, table: 'keys' }),
          migrate: true,
          waitTimeout: '2s',
        }),
      ],
      providers: [Ledger, Billing],
    })
    class BillingModule {}
    statements = [];
    opened = await openContext(BillingModule);
    billing = opened.app.get(Billing);
    service = opened.app.get(IdempotencyService);
  });

  beforeEach(() => {
    gate = lookups = undefined;
    runs = 0;
    statements = [];
    last += 1;
  });

  const order = (): Order => ({ id: `order-${last}` });
  const charges = (): Promise<number> => chargesOf(database, order().id);
  const ours = (): string[] => statements.filter((sql) => sql.includes('"keys"'));

  it('has one effect, and gives every duplicate the first result', async () => {
    const first = await billing.charge(order());
    expect(await billing.charge(order())).toEqual(first);
    expect(first.fence).toBeGreaterThan(1e15);
    expect(await charges()).toBe(1);
  });

  it('says at boot which mode is in force', () => {
    expect(opened.log.messages()).toContain('Billing.charge: transaction mode, PostgreSQL');
  });

  it('adds one statement where there is no reply, which travels with the begin, two where there is one, and no commit', async () => {
    await billing.compared(order());
    expect(ours()).toHaveLength(1);
    expect(statements.filter((sql) => /^(begin|commit)/.test(sql))).toEqual([
      expect.stringMatching(/^begin; insert into "[^"]+"\."keys" /),
      'commit',
    ]);
    statements = [];
    await billing.charge({ id: `${order().id}-b` });
    expect(ours()).toHaveLength(2);
    expect(statements.filter((sql) => sql.startsWith('commit'))).toHaveLength(1);
  });

  it('leaves nothing behind when the method throws, and runs the next attempt', async () => {
    await expect(billing.chargeAndFail(order())).rejects.toThrow(RangeError);
    await expect(billing.chargeAndFail(order())).rejects.toThrow('after the effect');
    expect(runs).toBe(2);
    expect(await charges()).toBe(0);
    const { rows } = await database.pool.query('select 1 from keys where name like $1', [
      '%chargeAndFail',
    ]);
    expect(rows).toEqual([]);
  });

  it('lets the duplicates of this process wait for the one that runs', async () => {
    gate = new Gate();
    const all = Promise.all(Array.from({ length: 20 }, () => billing.charge(order())));
    await waitFor(() => runs === 1);
    gate.open();
    expect(new Set((await all).map(({ run }) => run))).toEqual(new Set([1]));
    expect(ours()).toHaveLength(2);
    expect(await charges()).toBe(1);
  });

  it('refuses the same key for something else only where it is asked to', async () => {
    await billing.compared({ ...order(), total: 1 });
    await billing.compared({ total: 1, ...order() });
    await expect(billing.compared({ ...order(), total: 2 })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
    const { run } = await billing.charge({ ...order(), total: 1 });
    expect(await billing.charge({ ...order(), total: 2 })).toMatchObject({ run });
  });

  it('runs again when the time of a record is over', async () => {
    const first = await billing.shortLived(order().id);
    await waitFor(async () => (await billing.shortLived(order().id)) !== first);
    expect(await charges()).toBe(runs);
  });

  it('refuses a method that never used its transaction', async () => {
    await expect(billing.outside(order())).rejects.toMatchObject({ code: 'TRANSACTION_UNUSED' });
    await expect(billing.outside(order())).rejects.toMatchObject({ code: 'TRANSACTION_UNUSED' });
    await billing.nothing(order());
    await billing.nothing(order());
    expect(runs).toBe(3);
  });

  it('cannot see, undo or keep from being repeated what is done beside the transaction', async () => {
    await expect(billing.beside(order())).rejects.toThrow('beside');
    await expect(billing.beside(order())).rejects.toThrow('beside');
    expect(await charges()).toBe(2);
  });

  it.each(['serializable', 'repeatable'] as const)(
    'answers parallel duplicates at isolation level %s',
    async (method) => {
      const other = await openContext(secondProcess());
      const too = other.app.get(Billing);
      const calls = Array.from({ length: 10 }, (_, n) => (n % 2 ? too : billing)[method](order()));
      expect(new Set(await Promise.all(calls))).toEqual(new Set(['once']));
      expect(await charges()).toBe(1);
      await other.close();
    },
  );

  it('keeps the key of a result that cannot be kept, and never runs it again', async () => {
    expect(await billing.unkept(order())).toHaveProperty('later');
    await expect(billing.unkept(order())).rejects.toMatchObject({
      code: 'IDEMPOTENCY_REPLY_NOT_KEPT',
    });
    expect([runs, await charges()]).toEqual([1, 1]);
  });

  it('undoes everything where a result is refused', async () => {
    const refused = { code: 'IDEMPOTENCY_RESULT_NOT_PLAIN' };
    await expect(billing.entity(order())).rejects.toMatchObject(refused);
    await expect(billing.entity(order())).rejects.toMatchObject(refused);
    expect([runs, await charges()]).toEqual([2, 0]);
  });

  it('joins an open transaction, and is undone with it', async () => {
    await expect(
      billing.inTransaction(async () => {
        await billing.charge(order());
        await billing.charge(order());
        throw new Error('outer');
      }),
    ).rejects.toThrow('outer');
    expect([runs, await charges()]).toEqual([1, 0]);
    await billing.charge(order());
    expect([runs, await charges()]).toEqual([2, 1]);
  });

  it('tells nobody outside of what an open transaction has found in itself', async () => {
    const seen = vi.fn<(found: unknown) => void>();
    let elsewhere: Promise<unknown> | undefined;
    await expect(
      billing.inTransaction(async () => {
        await billing.charge(order());
        lookups = new Gate();
        const again = billing.charge(order());
        await waitFor(
          () => statements.filter((sql) => sql.startsWith('select encode(r.id')).length,
        );
        elsewhere = billing.apart(() => billing.charge(order())).then(seen);
        lookups.open();
        await again;
        throw new Error('outer');
      }),
    ).rejects.toThrow('outer');
    await elsewhere;
    expect(seen).toHaveBeenCalledWith(expect.objectContaining({ run: 2 }));
    expect(await charges()).toBe(1);
  });

  it('gives each call a signal of its own, so that listeners go with it', async () => {
    const signals = new Set<AbortSignal>();
    const look = async (): Promise<void> => void signals.add(IdempotencyInfo.current()!.signal);
    await service.run(`${order().id}-a`, look, { name: 'signal', effect: 'none' });
    await service.run(`${order().id}-b`, look, { name: 'signal', effect: 'none' });
    expect([...signals].map(({ aborted }) => aborted)).toEqual([false, false]);
  });

  it('protects a method that a protected method calls, each under its own name', async () => {
    expect(await billing.outer(order())).toBe('outer');
    expect(await billing.outer(order())).toBe('outer');
    expect([runs, await charges()]).toEqual([1, 2]);
  });

  it('protects a piece of code, and lets it through inside its own claim', async () => {
    const job = (): Promise<number> =>
      service.run(
        order().id,
        async () => {
          await billing.charge(order());
          return service.run(order().id, async () => (runs += 1), { name: 'job' });
        },
        { name: 'job', effect: 'none' },
      );
    expect(await job()).toBe(2);
    expect(await job()).toBe(2);
    await expect(service.run('', async () => 1, { name: 'job' })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REQUIRED',
    });
    await expect(
      service.run('k', async () => 1, { name: '', ttl: 'soon' as never, mode: 'none' as never }),
    ).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFIGURATION', problems: { length: 3 } });
  });

  it('keeps no key, only its hash', async () => {
    await billing.charge({ id: 'a-very-secret-key' });
    const { rows } = await database.pool.query('select row_to_json(keys)::text as row from keys');
    expect(JSON.stringify(rows)).not.toContain('a-very-secret-key');
  });

  function secondProcess() {
    @Module({
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
        IdempotencyModule.forRoot({
          namespace: 'billing',
          store: new PostgresIdempotencyStore({ schema: database.schema, table: 'keys' }),
        }),
      ],
      providers: [Ledger, Billing],
    })
    class Second {}
    return Second;
  }
});
