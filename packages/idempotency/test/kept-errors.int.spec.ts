import 'reflect-metadata';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  Body,
  ConflictException,
  Controller,
  HttpException,
  Inject,
  InternalServerErrorException,
  Module,
  NotFoundException,
  Post,
} from '@nestjs/common';
import { openApp, testDatabase, testRedis, type TestDatabase } from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
  RedisIdempotencyStore,
  type IdempotencyModuleOptions,
} from '@acme/nest-idempotency';
import { NonRetryableError } from '@acme/nest-message-context';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import type { Pool } from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chargesOf, createCharges, Gate } from './support/ledger.js';

const POOL = 'pool of the lease mode';

let runs = 0;
let thrown: unknown;
let asked: number[] = [];
let isFinal: (status: number) => boolean;

@Controller()
class Orders {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions<Pool>,
    @Inject(POOL) private readonly pool: Pool,
  ) {}

  @Idempotent()
  @Post('orders')
  async place(@Body() { order }: { order: string }): Promise<{ order: string }> {
    runs += 1;
    await this.transactions
      .currentOr(this.pool)
      .query('insert into charges (order_id) values ($1)', [order]);
    if (thrown) throw thrown;
    return { order };
  }
}

describe.each(['transaction mode, PostgreSQL', 'lease mode, Redis'])('storeIf in %s', (where) => {
  const inTransaction = where.startsWith('transaction');
  let database: TestDatabase;
  let open: (options?: Partial<IdempotencyModuleOptions>) => ReturnType<typeof openApp>;
  let contents: () => Promise<string>;
  let app: Awaited<ReturnType<typeof open>>;
  let elsewhere: typeof app;
  let order: string;

  beforeAll(async () => {
    database = await testDatabase();
    await createCharges(database);
    const redis = await testRedis();
    open = (options = {}) => {
      const store = inTransaction
        ? new PostgresIdempotencyStore({ schema: database.schema })
        : new RedisIdempotencyStore(redis.client, { prefix: redis.prefix });
      @Module({
        imports: [
          TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
          IdempotencyModule.forRoot({
            namespace: 'shop',
            store,
            migrate: inTransaction,
            principal: false,
            storeIf: (status) => {
              asked.push(status);
              return isFinal(status);
            },
            ...options,
          }),
        ],
        providers: [{ provide: POOL, useValue: database.pool }],
        controllers: [Orders],
      })
      class Shop {}
      return openApp(Shop);
    };
    contents = async () => {
      if (inTransaction) {
        const { rows } = await database.pool.query(`select * from "${database.schema}".records`);
        return JSON.stringify(rows);
      }
      const keys = await redis.client.keys(`${redis.prefix}*`);
      return JSON.stringify(await Promise.all(keys.map((key) => redis.client.get(key))));
    };
    app = await open();
    elsewhere = await open();
  });

  beforeEach(() => {
    runs = 0;
    asked = [];
    thrown = undefined;
    isFinal = () => true;
    order = randomUUID();
  });

  const post = async ({ url } = app) => {
    const reply = await fetch(`${url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': order },
      body: JSON.stringify({ order }),
    });
    return {
      status: reply.status,
      text: await reply.text(),
      replayed: reply.headers.get('idempotent-replayed'),
    };
  };

  it.each<[string, number, unknown]>([
    ['an object', 422, new HttpException({ code: 'OUT_OF_STOCK', items: [{ sku: 'a' }] }, 422)],
    ['a text', 404, new NotFoundException('there is no such order')],
    ['a text of its own', 403, new HttpException('not yours', 403)],
    ['a signal', 422, new NonRetryableError('CARD_STOLEN')],
  ])('keeps an error that answers with %s, for every process', async (_what, status, error) => {
    thrown = error;
    const first = await post();
    expect(first).toMatchObject({ status, replayed: null });
    thrown = undefined;
    for (const one of [app, elsewhere])
      expect(await post(one)).toEqual({ ...first, replayed: 'true' });
    expect([runs, asked]).toEqual([1, [status]]);
    // What the transaction has done is undone, and nothing else can be.
    expect(await chargesOf(database, order)).toBe(inTransaction ? 0 : 1);
  });

  it.each<[string, unknown]>([
    ['408', new HttpException('slow', 408)],
    ['409', new ConflictException('now')],
    ['425', new HttpException('early', 425)],
    ['429', new HttpException('often', 429)],
    ['500', new InternalServerErrorException()],
    ['503', new HttpException('down', 503)],
    ['none', new RangeError('boom')],
  ])('is never asked about status %s, and the next attempt runs', async (_status, error) => {
    thrown = error;
    await post();
    thrown = undefined;
    expect(await post()).toMatchObject({ status: 201, replayed: null });
    expect([runs, asked]).toEqual([2, []]);
  });

  it('lets the next attempt run where it says no', async () => {
    thrown = new HttpException('perhaps', 400);
    isFinal = (status) => status !== 400;
    await post();
    thrown = undefined;
    expect(await post()).toMatchObject({ status: 201, replayed: null });
    expect([runs, asked]).toEqual([2, [400]]);
  });

  it.each<[string, unknown, RegExp]>([
    ['has a class', new HttpException({ gate: new Gate() }, 422), /an instance of Gate/],
    ['is too large', new HttpException('x'.repeat(300_000), 422), /takes 6000\d\d bytes/],
  ])('warns once of an answer that %s, and the next attempt runs', async (_what, error, text) => {
    const fresh = await open();
    thrown = error;
    await post(fresh);
    await post(fresh);
    const warnings = fresh.log.messages('warn').filter((line) => line.includes('storeIf calls'));
    expect(warnings).toEqual([expect.stringMatching(text)]);
    thrown = undefined;
    expect(await post(fresh)).toMatchObject({ status: 201, replayed: null });
    expect(runs).toBe(3);
    await fresh.close();
  });

  it('that fails hides no error, and holds no key', async () => {
    const fresh = await open();
    isFinal = () => {
      throw new TypeError('storeIf is broken');
    };
    thrown = new HttpException('the real one', 422);
    expect(await post(fresh)).toMatchObject({ status: 422 });
    expect(await post(fresh)).toMatchObject({ status: 422, replayed: null });
    expect(runs).toBe(2);
    const said = fresh.log.messages('error').filter((line) => line.includes('storeIf of'));
    expect(said).toEqual([expect.stringContaining('storeIf is broken')]);
    await fresh.close();
  });

  it('keeps what code under service.run() throws', async () => {
    const run = (service: IdempotencyService): Promise<unknown> =>
      service
        .run(
          order,
          async () => {
            runs += 1;
            throw new HttpException({ code: 'CLOSED', at: [1] }, 422);
          },
          { name: 'job' },
        )
        .catch((error: unknown) => error);
    const first = await run(app.app.get(IdempotencyService));
    const second = await run(elsewhere.app.get(IdempotencyService));
    expect(second).not.toBe(first);
    for (const error of [first, second] as HttpException[]) {
      expect(error).toBeInstanceOf(HttpException);
      expect([error.getStatus(), error.getResponse()]).toEqual([422, { code: 'CLOSED', at: [1] }]);
      expect(error.message).toBe((first as Error).message);
    }
    expect(runs).toBe(1);
  });

  it('keeps an error that nobody can read in the store, where replies are encrypted', async () => {
    const sealing = await open({ encryption: { key: randomBytes(32), id: 'first' } });
    thrown = new HttpException({ message: `SECRET ${order}` }, 422);
    const first = await post(sealing);
    expect(first.text).toContain('SECRET');
    const stored = await contents();
    expect(stored).toContain('sealed-1:first:');
    expect(stored).not.toContain('SECRET');
    expect(await post(sealing)).toEqual({ ...first, replayed: 'true' });
    expect(runs).toBe(1);
    await sealing.close();
  });

  it.each(inTransaction ? ['a transaction'] : [])(
    'keeps none in %s that was opened around the call',
    async () => {
      const [service, transactions] = [app.app.get(IdempotencyService), app.app.get(Transactions)];
      const run = () =>
        service.run(
          order,
          async () => {
            runs += 1;
            throw new HttpException('final', 422);
          },
          { name: 'joined' },
        );
      for (const _ of [1, 2])
        await expect(transactions.run(run)).rejects.toMatchObject({ message: 'final' });
      expect([runs, asked]).toEqual([2, []]);
    },
  );
});
