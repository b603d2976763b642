import 'reflect-metadata';
import {
  declareQueue,
  openApp,
  openContext,
  takeAll,
  tcpProxy,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import { Publisher, type OutboundMessage } from '@acme/nest-message-context';
import {
  getOutboxToken,
  Outbox,
  OutboxEvents,
  OutboxModule,
  OutboxRelay,
  PostgresOutboxStore,
  type BrokerInfo,
} from '@acme/nest-outbox';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import { Otel } from '@acme/internal-testing/otel';
import { Controller, Inject, Module, Post } from '@nestjs/common';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AlwaysOffSampler, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { connect, type Message } from 'amqplib';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openOutboxApp, outboxRows } from '../support/outbox-app.js';
import { onPostgres, type PostgresOutboxDatabase } from '../support/outbox-database.js';

let database: PostgresOutboxDatabase;
let broker: TestBroker;
let otel: Otel;
beforeAll(async () => {
  broker = await testBroker();
});
beforeEach(async () => {
  database = await onPostgres();
  otel = new Otel('@acme/nest-outbox');
});
afterEach(() => {
  otel.stop();
});

const secret = 'key-of-a-customer';
const idOf = (span: ReadableSpan | undefined) => span?.spanContext().spanId;
const parentOf = (span: ReadableSpan | undefined) => span?.parentSpanContext?.spanId;
const traceparent = ({ properties }: Pick<Message, 'properties'>) =>
  String(properties.headers?.['traceparent']);
const linksOf = (spans: readonly ReadableSpan[]) =>
  spans.flatMap(({ links }) => links.map(({ context }) => context.spanId));
const shown = (spans: readonly ReadableSpan[]) =>
  JSON.stringify(spans.map(({ name, attributes, status }) => [name, attributes, status]));

describe('spans', () => {
  it('a message carries the span that added it; what published it links there', async () => {
    const queue = await declareQueue(broker, 'spans');
    const { outbox, transactions, relay, close } = await openOutboxApp(database, broker, {
      relay: { mode: 'off' },
    });
    await otel.within('POST /orders', () =>
      transactions.run(async () => {
        await outbox.add({ type: queue, key: secret, payload: secret, messageId: 'm1' });
        await outbox.add([
          { type: 'x', routingKey: queue, key: secret, payload: secret },
          { type: 'y', routingKey: queue, payload: secret },
        ]);
      }),
    );
    await relay.runOnce();
    const [one, many] = otel.spans('create');
    expect(one).toMatchObject({
      name: `create ${queue}`,
      kind: SpanKind.PRODUCER,
      attributes: {
        'outbox.name': 'default',
        'outbox.message.type': queue,
        'messaging.system': 'rabbitmq',
        'messaging.operation.name': 'create',
        'messaging.operation.type': 'create',
        'messaging.destination.name': 'amq.default',
        'messaging.message.id': 'm1',
      },
    });
    expect(many).toMatchObject({
      name: 'create',
      attributes: { 'messaging.batch.message_count': 2 },
    });
    const [request] = otel.spans('POST /orders');
    expect([parentOf(one), parentOf(many)]).toEqual([idOf(request), idOf(request)]);

    const traceId = request!.spanContext().traceId;
    const arrived = await takeAll(broker, queue);
    expect(arrived.map(traceparent).sort()).toEqual(
      [one, many, many].map((span) => `00-${traceId}-${idOf(span)}-01`).sort(),
    );

    const sends = otel.spans('send');
    const sent = sends.map(({ attributes }) => attributes['messaging.batch.message_count'] ?? 1);
    expect((sent as number[]).reduce((sum, count) => sum + count, 0)).toBe(3);
    expect(new Set(linksOf(sends))).toEqual(new Set([idOf(one), idOf(many)]));
    for (const span of sends) {
      expect(span.name).toBe('send amq.default');
      expect(span.kind).toBe(SpanKind.CLIENT);
      expect(span.status.code).toBe(SpanStatusCode.UNSET);
      expect(span.parentSpanContext).toBeUndefined();
      expect(span.spanContext().traceId).not.toBe(traceId);
      expect(span.attributes).toMatchObject({
        'messaging.operation.type': 'send',
        'messaging.system': 'rabbitmq',
      });
    }
    expect(shown(otel.spans())).not.toContain(secret);
    await close();
  });

  it('many messages make few spans, each with no more links than an SDK keeps', async () => {
    const queue = await declareQueue(broker, 'many');
    const { outbox, transactions, relay, close } = await openOutboxApp(database, broker, {
      relay: { mode: 'off' },
    });
    await otel.within('job', async () => {
      for (let n = 0; n < 300; n++)
        await transactions.run(() => outbox.add({ type: queue, payload: n }));
    });
    expect(otel.spans('create')).toHaveLength(300);
    await relay.runOnce();
    const sends = otel.spans('send');
    const counts = sends.map(({ attributes }) => attributes['messaging.batch.message_count'] ?? 1);
    expect((counts as number[]).reduce((sum, count) => sum + count, 0)).toBe(300);
    expect(Math.max(...(counts as number[]))).toBeGreaterThan(1);
    expect(Math.max(...(counts as number[]))).toBeLessThanOrEqual(200);
    for (const { links } of sends) expect(links.length).toBeLessThanOrEqual(128);
    await close();
  });

  it('say what failed: a message that could never be published, one without a queue, a rollback by the database', async () => {
    const { outbox, transactions, relay, close } = await openOutboxApp(database, broker, {
      relay: { mode: 'off' },
      retry: { attempts: 1 },
    });
    const nowhere = broker.name('nowhere');
    await transactions
      .run(() => outbox.add({ type: '', payload: secret }))
      .catch((error: unknown) => error);
    await outbox.add({ type: 'outside', payload: secret }).catch((error: unknown) => error);
    await otel.within('job', () =>
      transactions.run(() => outbox.add({ type: nowhere, payload: 1, messageId: 'm1' })),
    );
    await relay.runOnce();
    expect(
      [...otel.spans('create'), ...otel.spans('send')].map(({ status, attributes }) => [
        status.code,
        attributes['error.type'],
      ]),
    ).toEqual([
      [SpanStatusCode.ERROR, 'OUTBOX_MESSAGE_INVALID'],
      [SpanStatusCode.ERROR, 'OUTBOX_TRANSACTION_REQUIRED'],
      [SpanStatusCode.UNSET, undefined],
      [SpanStatusCode.ERROR, 'UNROUTABLE'],
    ]);
    expect(otel.spans('send')[0]!.attributes).toMatchObject({
      'messaging.message.id': 'm1',
      'outbox.failed_messages': 1,
    });
    await close();
  });

  it('of what is not sampled there are none, and the message says so', async () => {
    otel.stop();
    otel = new Otel('@acme/nest-outbox', new AlwaysOffSampler());
    const queue = await declareQueue(broker, 'unsampled');
    const { outbox, transactions, relay, close } = await openOutboxApp(database, broker, {
      relay: { mode: 'off' },
    });
    await transactions.run(() => outbox.add({ type: queue, payload: 1 }));
    await relay.runOnce();
    expect(otel.spans()).toEqual([]);
    expect((await takeAll(broker, queue)).map(traceparent)).toEqual([
      expect.stringMatching(/^00-[\da-f]{32}-[\da-f]{16}-00$/),
    ]);
    await close();
  });

  it('what an instrumentation of the client would make is kept from replacing the trace of the message', async () => {
    const queue = await declareQueue(broker, 'quiet');
    const recorded: Record<string, boolean> = {};
    const instrumentation = (name: string): void => {
      const span = trace.getTracer('amqplib').startSpan(name);
      recorded[name] = span.isRecording();
      span.end();
    };
    const inner = new RabbitMqPublisher({ connect: () => connect(broker.url) });
    class Instrumented extends Publisher {
      readonly broker: BrokerInfo = { system: 'rabbitmq' };
      close = () => inner.close();
      publish(messages: readonly OutboundMessage[]) {
        instrumentation('publish');
        return inner.publish(messages);
      }
    }
    const { app, outbox, transactions, relay, close } = await openOutboxApp(database, broker, {
      relay: { mode: 'off' },
      publisher: new Instrumented(),
      retry: { attempts: 1 },
    });
    app.get(OutboxEvents).events$.subscribe(({ type }) => instrumentation(type));
    await otel.within('job', () =>
      transactions.run(() =>
        outbox.add([
          { type: queue, payload: 1 },
          { type: broker.name('nowhere'), payload: 1 },
        ]),
      ),
    );
    await relay.runOnce();
    expect(recorded).toEqual({ added: true, publish: false, published: true, parked: true });
    // Where no exchange is known there is no destination.
    expect(new Set(otel.spans('send').map(({ name }) => name))).toEqual(new Set(['send']));
    await close();
  });

  it('continues the trace that the request came with, where no instrumentation has', async () => {
    const queue = await declareQueue(broker, 'continued');
    @Controller()
    class Orders {
      constructor(
        @Inject(Outbox) private readonly outbox: Outbox,
        @Inject(Transactions) private readonly transactions: Transactions,
      ) {}

      @Post('orders')
      place() {
        return this.transactions.run(() => this.outbox.add({ type: queue, payload: 1 }));
      }
    }
    @Module({
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
        OutboxModule.forRoot({
          store: new PostgresOutboxStore({ database: database.pool }),
          publisher: new RabbitMqPublisher({ connect: () => connect(broker.url) }),
        }),
      ],
      controllers: [Orders],
    })
    class AppModule {}
    const { url, close } = await openApp(AppModule);
    const [traceId, spanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
    await fetch(`${url}/orders`, {
      method: 'POST',
      headers: {
        traceparent: `00-${traceId}-${spanId}-01`,
        tracestate: 'theirs=1',
        baggage: 'tier=gold',
        connection: 'close',
      },
    });
    const [message] = await waitFor(async () => {
      const taken = await broker.take(queue);
      return taken.length > 0 ? taken : undefined;
    });
    const [create] = otel.spans('create');
    expect(parentOf(create)).toBe(spanId);
    expect(traceparent(message!)).toBe(`00-${traceId}-${idOf(create)}-01`);
    expect(message!.properties.headers).toMatchObject({ baggage: 'tier=gold' });
    await close();
  });
});

describe('metrics', () => {
  const common = { 'outbox.name': 'default', 'messaging.system': 'rabbitmq' };
  const contents = [
    'outbox.blocked',
    'outbox.delayed',
    'outbox.oldest_age',
    'outbox.parked_now',
    'outbox.pending',
    'outbox.waiting',
  ];

  it('count what happens, and measure how long it took', async () => {
    const queue = await declareQueue(broker, 'counted');
    const { outbox, transactions, relay, close } = await openOutboxApp(database, broker, {
      relay: { mode: 'off' },
      retry: { attempts: 2, backoff: 1, maxBackoff: 1 },
    });
    const exchange = broker.name('missing');
    const message = (type: string) => ({ type, routingKey: queue, key: secret, payload: secret });
    await transactions.run(() =>
      outbox.add([message('a'), message('a'), message('b'), { ...message('c'), exchange }]),
    );
    await waitFor(async () => (await relay.runOnce()).parked === 1);
    const metrics = await otel.metrics();
    const typed = (type: string) => ({ ...common, 'outbox.message.type': type });
    const failed = { ...typed('c'), 'error.type': 'EXCHANGE_UNAVAILABLE' };
    expect(metrics['outbox.added']).toEqual({
      unit: '{message}',
      points: [
        { attributes: typed('a'), value: 2 },
        { attributes: typed('b'), value: 1 },
        { attributes: typed('c'), value: 1 },
      ],
    });
    expect(metrics['outbox.published']?.points).toEqual([
      { attributes: typed('a'), value: 2 },
      { attributes: typed('b'), value: 1 },
    ]);
    expect(metrics['outbox.held_back']?.points).toEqual([{ attributes: failed, value: 1 }]);
    expect(metrics['outbox.parked']?.points).toEqual([{ attributes: failed, value: 1 }]);
    const latency = metrics['outbox.latency']!;
    expect(latency.unit).toBe('s');
    expect(latency.points).toMatchObject([{ attributes: common, value: 3 }]);
    expect(latency.points[0]!.sum).toBeGreaterThan(0);
    expect(latency.points[0]!.sum).toBeLessThan(3 * 60);
    expect(latency.points[0]!.boundaries!.slice(0, 3)).toEqual([0.0025, 0.005, 0.01]);
    expect(JSON.stringify(metrics)).not.toContain(secret);
    await close();
  });

  it('show what is in the outbox, as long as a relay runs here', async () => {
    const proxy = await tcpProxy(broker.url);
    proxy.down();
    const { outbox, transactions, relay, close } = await openOutboxApp(database, broker, {
      amqpUrl: proxy.url,
      relay: { pollInterval: 50 },
    });
    await transactions.run(() =>
      outbox.add([
        { type: 'a', payload: 1 },
        { type: 'a', payload: 2 },
        { type: 'a', payload: 3, delay: '1h' },
      ]),
    );
    await waitFor(() => relay.brokerDownMs !== undefined);
    const metrics = await otel.metrics();
    const values = Object.fromEntries(
      ['outbox.breaker', ...contents].map((name) => [name, metrics[name]]),
    );
    const point = (unit: string, value: unknown) => ({
      unit,
      points: [{ attributes: common, value }],
    });
    expect(values).toEqual({
      'outbox.breaker': point('1', 1),
      'outbox.pending': point('{message}', 2),
      'outbox.delayed': point('{message}', 1),
      'outbox.waiting': point('{message}', 0),
      'outbox.blocked': point('{key}', 0),
      'outbox.parked_now': point('{message}', 0),
      'outbox.oldest_age': point('s', expect.any(Number)),
    });
    const age = metrics['outbox.oldest_age']!.points[0]!.value;
    expect(age).toBeGreaterThan(0);
    expect(age).toBeLessThan(60);
    await close();
    // An SDK repeats what it was told last.
    const after = await otel.metrics();
    for (const name of ['outbox.breaker', ...contents])
      expect(after[name]?.points, name).toEqual([{ attributes: common, value: 0 }]);
    await proxy.close();
  });

  it('are told by one relay of all that share an outbox, which asks seldom, and by the next when it has gone', async () => {
    const stores = [0, 1].map(() => new PostgresOutboxStore({ database: database.pool }));
    const asked = stores.map(({ operations }) => vi.spyOn(operations, 'status'));
    const relay = { lease: '1s', lanes: 4 } as const;
    const first = await openOutboxApp(database, broker, { store: stores[0]!, relay });
    await waitFor(async () => (await first.admin.status()).heldLanes === 4);
    const second = await openOutboxApp(database, broker, { store: stores[1]!, relay });
    const holding = 'select from outbox_lanes where lease_until > now() group by owner';
    await waitFor(async () => (await database.pool.query(holding)).rowCount === 2);
    for (const spy of asked) spy.mockClear();
    for (let n = 0; n < 5; n++)
      expect((await otel.metrics())['outbox.pending']?.points[0]?.value).toBe(0);
    const counts = asked.map(({ mock }) => mock.calls.length);
    expect(counts.toSorted()).toEqual([0, 1]);
    const [holder, other] = counts[0] === 1 ? [first, second] : [second, first];
    await holder.close();
    await waitFor(async () => (await otel.metrics())['outbox.pending']?.points.length === 1);
    await other.close();
  });

  it('begin when an SDK comes later than the application', async () => {
    otel.stop();
    const queue = await declareQueue(broker, 'later');
    const { outbox, transactions, close } = await openOutboxApp(database, broker, {
      relay: { pollInterval: 50 },
    });
    await transactions.run(() => outbox.add({ type: queue, payload: 1 }));
    await waitFor(async () => (await broker.queue(queue))?.messages === 1);
    expect(traceparent((await takeAll(broker, queue))[0]!)).toBe('undefined');
    // Otherwise its removal may be the first that is counted.
    await waitFor(async () => (await outboxRows(database))?.pending === 0);
    otel = new Otel('@acme/nest-outbox');
    await waitFor(async () => (await otel.metrics())['outbox.breaker']?.points.length === 1);
    await transactions.run(() => outbox.add({ type: queue, payload: 1 }));
    await waitFor(
      async () => ((await otel.metrics())['outbox.published']?.points[0]?.value ?? 0) > 0,
    );
    expect(otel.spans('create')).toHaveLength(1);
    await close();
  });

  it('tell several outboxes of one application apart', async () => {
    const other = await onPostgres();
    const options = (pool: PostgresOutboxDatabase['pool']) => ({
      store: new PostgresOutboxStore({ database: pool }),
      publisher: new RabbitMqPublisher({ connect: () => connect(broker.url) }),
      transactions: false as const,
    });
    @Module({
      imports: [
        OutboxModule.forRoot(options(database.pool)),
        OutboxModule.forFeature('billing', options(other.pool)),
      ],
    })
    class AppModule {}
    const { app, close } = await openContext(AppModule);
    const client = await other.pool.connect();
    await client.query('begin');
    await app
      .get<Outbox>(getOutboxToken('billing'))
      .add({ type: 'a', payload: 1, delay: '1h' }, { tx: client });
    await client.query('commit');
    client.release();
    expect(app.get(OutboxRelay).isRunning).toBe(true);
    const points = await waitFor(async () => {
      const found = (await otel.metrics())['outbox.delayed']?.points;
      return found?.length === 2 ? found : undefined;
    });
    const values = points.map(({ attributes, value }) => [attributes['outbox.name'], value]);
    expect(values.toSorted()).toEqual([
      ['billing', 1],
      ['default', 0],
    ]);
    await close();
  });
});
