import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Body, NotFoundException, Controller, Inject, Module, Post } from '@nestjs/common';
import { EventPattern, Payload, Transport, type MicroserviceOptions } from '@nestjs/microservices';
import {
  openApp,
  openContext,
  testBroker,
  testDatabase,
  testRedis,
  waitFor,
  type TestDatabase,
} from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyEvents,
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
  RedisIdempotencyStore,
  type IdempotencyCallEvent,
  type IdempotencyEvent,
  type IdempotencyModuleOptions,
} from '@acme/nest-idempotency';
import { PlainJsonDeserializer } from '@acme/nest-message-context';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCharges, Ledger } from './support/ledger.js';
import { Otel } from '@acme/internal-testing/otel';

let otel: Otel;
let key: string;

beforeAll(() => {
  otel = new Otel('@acme/nest-idempotency');
});

beforeEach(() => {
  key = `key-${randomUUID()}`;
  otel.forgetSpans();
});

afterAll(() => {
  otel.stop();
});

const shown = (): string =>
  JSON.stringify(
    otel.spans().map(({ name, attributes, events, status }) => [name, attributes, events, status]),
  );

const parentOf = (name: string, at = 0): string | undefined => {
  const span = otel.spans().filter((one) => one.name === name)[at]!;
  const parent = span.parentSpanContext?.spanId;
  return otel.spans().find((one) => one.spanContext().spanId === parent)?.name;
};

@Controller()
class Orders {
  @Idempotent({ name: 'orders.place' })
  @Post('orders')
  place(@Body() { amount }: { amount: number }) {
    return otel.within('write order', async () => ({ amount }));
  }
}

@Controller()
class Billing {
  @Inject(Ledger) private readonly ledger!: Ledger;
  @Inject(IdempotencyEvents) readonly events!: IdempotencyEvents;

  @Idempotent({ name: 'billing.charge' })
  @EventPattern('order.placed.v1')
  charge(@Payload() { order }: { order: string }) {
    return otel.within('write charge', () => this.ledger.charge(order));
  }

  @Idempotent({ name: 'billing.poison', maxAttempts: 2 })
  @EventPattern('poison')
  poison(): void {
    throw new TypeError(key);
  }
}

describe('HTTP, Redis', () => {
  it('makes one trace: the request, the protected call, what the handler does', async () => {
    const redis = await testRedis();
    const store = new RedisIdempotencyStore(redis.client, { prefix: redis.prefix });
    @Module({
      imports: [IdempotencyModule.forRoot({ namespace: 'orders', store, principal: false })],
      controllers: [Orders],
    })
    class OrdersModule {}
    const { app, url } = await openApp(OrdersModule, {
      configure: (opening) =>
        opening.use((_: unknown, response: NodeJS.EventEmitter, next: () => void) => {
          void otel.within(
            'POST /orders',
            () =>
              new Promise<void>((done) => {
                response.once('finish', done);
                next();
              }),
          );
        }),
    });
    const seen: IdempotencyEvent[] = [];
    app.get(IdempotencyEvents).events$.subscribe((event) => seen.push(event));
    const post = async (headers: Record<string, string>, amount = 1): Promise<number> => {
      const body = JSON.stringify({ amount });
      const json = { 'content-type': 'application/json', ...headers };
      const reply = await fetch(`${url}/orders`, { method: 'POST', body, headers: json });
      await reply.text();
      return reply.status;
    };
    const headers = { 'idempotency-key': key };
    expect([await post(headers), await post(headers)]).toEqual([201, 201]);
    expect([await post(headers, 2), await post({})]).toEqual([422, 400]);
    await waitFor(() => otel.spans().filter(({ name }) => name === 'POST /orders').length === 4);
    expect(seen.map(({ type }) => type)).toEqual(['executed', 'replayed', 'reused', 'refused']);
    expect(seen[0]).toMatchObject({ kind: 'http', mode: 'lease', store: 'Redis' });
    expect(parentOf('write order')).toBe('idempotency orders.place');
    for (const at of [0, 1, 2])
      expect(parentOf('idempotency orders.place', at)).toBe('POST /orders');
    const traces = otel
      .spans()
      .filter(({ name }) => name !== 'POST /orders')
      .map((span) => span.spanContext().traceId);
    expect(traces[0]).toBe(traces[1]);
    expect(new Set(traces).size).toBe(3);
    const { points } = (await otel.metrics())['acme.idempotency.calls']!;
    expect(points.map(({ attributes }) => attributes['error.type'])).toEqual([
      undefined,
      undefined,
      'IDEMPOTENCY_KEY_REUSED',
      'IDEMPOTENCY_KEY_REQUIRED',
    ]);
    expect(JSON.stringify([seen, points]) + shown()).not.toContain(key);
  });
});

describe('PostgreSQL, transaction mode', () => {
  let database: TestDatabase;
  let store: PostgresIdempotencyStore;

  beforeAll(async () => {
    database = await testDatabase();
    await createCharges(database);
    store = new PostgresIdempotencyStore({ schema: database.schema, database: database.pool });
  });

  const imports = (options: Partial<IdempotencyModuleOptions> = {}) => [
    TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
    IdempotencyModule.forRoot({
      namespace: 'billing',
      store,
      migrate: true,
      principal: false,
      retryAfter: '50ms',
      ...options,
    }),
  ];

  it('tells how events end that come over RabbitMQ', async () => {
    const broker = await testBroker();
    const channel = await broker.channel();
    const queue = broker.name('billing');
    const parked = broker.name('parked');
    await channel.assertQueue(parked, { durable: false });
    @Module({ imports: imports(), controllers: [Billing], providers: [Ledger] })
    class BillingModule {}
    const transport: MicroserviceOptions = {
      transport: Transport.RMQ,
      options: {
        urls: [broker.url],
        queue,
        noAck: false,
        prefetchCount: 1,
        deserializer: new PlainJsonDeserializer(),
        queueOptions: {
          durable: false,
          arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': parked },
        },
      },
    };
    const { app } = await openApp(BillingModule, { microservices: [transport] });
    const seen: IdempotencyEvent[] = [];
    app.get(IdempotencyEvents).events$.subscribe((event) => seen.push(event));
    const publish = (type: string, options: object): boolean =>
      channel.sendToQueue(queue, Buffer.from(JSON.stringify({ order: key })), { type, ...options });
    publish('order.placed.v1', { messageId: key });
    publish('order.placed.v1', { messageId: key });
    publish('order.placed.v1', {});
    const headers = (attempt: number): object => ({
      messageId: key,
      headers: { 'x-attempt': attempt },
    });
    for (const attempt of [1, 2, 3, 4]) publish('poison', headers(attempt));
    await waitFor(() => seen.length >= 7, { what: 'seven events' });
    expect(seen.map((event) => [event.type, (event as IdempotencyCallEvent).errorCode])).toEqual([
      ['executed', undefined],
      ['replayed', undefined],
      ['refused', 'IDEMPOTENCY_KEY_REQUIRED'],
      ['failed', 'TypeError'],
      ['failed', 'TypeError'],
      ['exhausted', 'IDEMPOTENCY_ATTEMPTS_EXHAUSTED'],
      ['failed', 'TypeError'],
    ]);
    expect(seen[0]).toMatchObject({
      name: 'billing.charge',
      kind: 'event',
      mode: 'transaction',
      store: 'PostgreSQL',
      attempt: 1,
    });
    expect(parentOf('write charge')).toBe('idempotency billing.charge');
    expect(JSON.stringify(seen) + shown()).not.toContain(key);
  });

  const openService = async (own: Partial<IdempotencyModuleOptions> = {}) => {
    @Module({ imports: imports(own) })
    class Root {}
    const { app } = await openContext(Root);
    const service = app.get(IdempotencyService);
    const transactions = app.get(Transactions);
    const seen: string[] = [];
    app.get(IdempotencyEvents).events$.subscribe(({ type }) => seen.push(type));
    const options = { name: 'job', storeIf: (status: number) => status === 404 };
    const run = (fn: () => Promise<unknown>): Promise<unknown> =>
      service.run(key, fn, options).catch((error: unknown) => error);
    const write = async (statement = 'select 1'): Promise<void> => {
      await transactions.current<typeof database.pool>().query(statement);
    };
    return { run, write, seen, transactions };
  };

  it('tells which errors are kept: none whose transaction somebody else may still undo', async () => {
    const { run, write, seen, transactions } = await openService();
    const fails = async (): Promise<never> => {
      await write();
      throw new NotFoundException();
    };
    await transactions.run(() => run(fails)).catch(() => {});
    await run(fails);
    await run(() => write());
    expect(seen).toEqual(['failed', 'error_kept', 'replayed']);
  });

  type Claims = typeof store.inTransaction;
  it.each<[string, () => ReturnType<Claims['claim']>]>([
    ['the database is gone', () => Promise.reject(new Error('gone'))],
    [
      'somebody else has run it meanwhile',
      async () => ({ state: 'done', fingerprint: undefined, outcome: undefined }),
    ],
  ])('tells that an error was not kept which should have been: %s', async (_, answer) => {
    const { run, write, seen } = await openService();
    const claim = vi.spyOn(store.inTransaction, 'claim');
    await run(async () => {
      await write();
      claim.mockImplementationOnce(answer);
      throw new NotFoundException();
    });
    claim.mockRestore();
    await run(() => write());
    expect(seen).toEqual(['failed', 'executed']);
  });

  it('tells what the module itself removes', async () => {
    const { run, write, seen } = await openService({ ttl: 1, purge: { every: '1s' } });
    await run(() => write());
    await waitFor(() => seen.includes('purged'));
    vi.spyOn(store, 'purge').mockRejectedValueOnce(new Error('gone'));
    await waitFor(() => seen.includes('purge_failed'));
  });

  it('calls undone what the transaction takes back: results that are refused, and commits that fail', async () => {
    const { run, write, seen } = await openService();
    await run(async () => {
      await write();
      return new (class Money {})();
    });
    await run(async () => 'never used the transaction');
    await database.pool.query('create table late (id int unique deferrable initially deferred)');
    await run(() => write('insert into late values (1), (1)'));
    await run(() => write());
    expect(seen).toEqual(['failed', 'failed', 'failed', 'executed']);
  });
});
