import 'reflect-metadata';
import {
  declareQueue,
  openContext,
  testBroker,
  testDatabase,
  waitFor,
  type TestDatabase,
} from '@acme/internal-testing';
import { PlainJsonDeserializer } from '@acme/nest-message-context';
import {
  OutboxModule,
  OutboxRelay,
  PostgresOutboxStore,
  provideOutboxAmqpConnection,
  provideOutboxClientProxy,
} from '@acme/nest-outbox';
import { ClientRmqPublisher, GolevelupPublisher } from '@acme/nest-rabbitmq';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import { openNestConsumer } from '@acme/internal-testing/rmq';
import { AmqpConnection, RabbitMQModule, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Inject, Injectable, Module } from '@nestjs/common';
import {
  ClientProxyFactory,
  ClientsModule,
  RmqRecordBuilder,
  Transport,
  type ClientProxy,
  type RmqOptions,
} from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { beforeAll, describe, expect, it } from 'vitest';

const broker = await testBroker();
const EVENTS = broker.name('events');
const STOCK = broker.name('stock');
const PLAIN = broker.name('plain');
const PAYMENTS = broker.name('payments');

/** Written for golevelup and `@nestjs/microservices`; nothing in here knows of an outbox. */
@Injectable()
class Orders {
  readonly heard: unknown[] = [];

  constructor(
    private readonly transactions: Transactions,
    private readonly amqp: AmqpConnection,
    @Inject('STOCK') private readonly stock: ClientProxy,
    @Inject('PLAIN') private readonly plain: ClientProxy,
  ) {}

  place(id: number, failure?: Error): Promise<void> {
    return this.transactions.run(async () => {
      await this.amqp.publish(EVENTS, 'order.placed', { id }, { messageId: `m-${id}` });
      await firstValueFrom(this.stock.emit('order.placed', { id }));
      await firstValueFrom(this.plain.emit('order.placed', { id }));
      if (failure) throw failure;
    });
  }

  @RabbitSubscribe({ exchange: EVENTS, routingKey: 'order.*', queue: broker.name('heard') })
  hear(payload: unknown): void {
    this.heard.push(payload);
  }
}

describe('a service that was written without an outbox', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });

  const consume = (queue: string, more: RmqOptions['options'] = {}) =>
    openNestConsumer('order.placed', {
      transport: Transport.RMQ,
      options: { urls: [broker.url], queue, noAck: false, ...more },
    });

  it('publishes within its transactions once the tokens are exchanged', async () => {
    const stock = await consume(STOCK);
    const plain = await consume(PLAIN, { deserializer: new PlainJsonDeserializer() });
    const golevelup = RabbitMQModule.forRoot({
      uri: broker.url,
      exchanges: [{ name: EVENTS, type: 'topic' }],
    });
    @Module({
      imports: [
        golevelup,
        TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
        OutboxModule.forRootAsync({
          imports: [golevelup],
          inject: [AmqpConnection],
          useFactory: (connection: AmqpConnection) => ({
            store: new PostgresOutboxStore({ database: database.pool }),
            publisher: new GolevelupPublisher({ connection }),
          }),
        }),
      ],
      providers: [
        Orders,
        provideOutboxAmqpConnection(AmqpConnection),
        provideOutboxClientProxy('STOCK', { queue: STOCK }),
        provideOutboxClientProxy('PLAIN', { queue: PLAIN, envelope: 'plain' }),
      ],
    })
    class AppModule {}
    const { app, close } = await openContext(AppModule);
    const orders = app.get(Orders);
    await expect(orders.place(0, new Error('sold out'))).rejects.toThrow('sold out');
    await orders.place(1);
    await waitFor(() => orders.heard.length + stock.handled.length + plain.handled.length >= 3);
    const data = [orders.heard, ...[stock, plain].map(({ handled }) => handled.map((h) => h.data))];
    expect(data).toEqual([[{ id: 1 }], [{ id: 1 }], [{ id: 1 }]]);
    await close();
    await Promise.all([stock.app.close(), plain.app.close()]);
  });

  it('keeps its ClientsModule as the way to the broker', async () => {
    const client = { transport: Transport.RMQ as const, options: { urls: [broker.url] } };
    const clients = ClientsModule.register([
      { ...client, name: 'BROKER', options: { ...client.options, queue: PAYMENTS } },
    ]);
    @Module({
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
        OutboxModule.forRootAsync({
          imports: [clients],
          inject: ['BROKER'],
          useFactory: (found: ClientProxy) => ({
            store: new PostgresOutboxStore({ database: database.pool }),
            publisher: new ClientRmqPublisher({ client: found }),
            relay: { mode: 'off' as const },
          }),
        }),
      ],
      providers: [provideOutboxClientProxy('PAYMENTS', { headers: { 'x-from': 'orders' } })],
    })
    class AppModule {}
    const { app, close } = await openContext(AppModule);
    const stockClient = ClientProxyFactory.create({
      ...client,
      options: { ...client.options, queue: PAYMENTS, headers: { 'x-from': 'orders' } },
    });
    const emits = (through: ClientProxy) => async () => {
      const record = new RmqRecordBuilder({ id: 2 }).setOptions({
        headers: { 'x-more': 'yes' },
        messageId: 'm-2',
      });
      await firstValueFrom(through.emit('paid', { at: new Date(0), list: [undefined] }));
      await firstValueFrom(through.emit({ cmd: 'pay', area: 1 }, 'text'));
      await firstValueFrom(through.emit('paid', record.build()));
    };
    await emits(stockClient)();
    await app.get(Transactions).run(emits(app.get<ClientProxy>('PAYMENTS')));
    await expect(app.get(OutboxRelay).runOnce()).resolves.toMatchObject({ published: 3 });
    const arrived = await broker.take(PAYMENTS);
    const [theirs, ours] = [arrived.slice(0, 3), arrived.slice(3)];
    const body = (message: { content: Buffer }) => message.content.toString();
    expect(ours.map(body)).toEqual(theirs.map(body));
    for (const [n, { properties }] of ours.entries()) {
      expect(properties.headers).toMatchObject({ ...theirs[n]?.properties.headers });
      expect(properties.type).toBeUndefined();
    }
    expect(ours[2]?.properties.messageId).toBe('m-2');
    await stockClient.close();
    await close();
  });

  it('says everything about a message that golevelup says', async () => {
    const queue = await declareQueue(broker, 'everything');
    const golevelup = RabbitMQModule.forRoot({ uri: broker.url });
    @Module({
      imports: [
        golevelup,
        TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
        OutboxModule.forRootAsync({
          imports: [golevelup],
          inject: [AmqpConnection],
          useFactory: (connection: AmqpConnection) => ({
            store: new PostgresOutboxStore({ database: database.pool }),
            publisher: new GolevelupPublisher({ connection }),
            relay: { mode: 'off' as const },
          }),
        }),
      ],
      providers: [
        provideOutboxAmqpConnection('PUBLISHER', {
          serializer: (value) => Buffer.from(`<${String(value)}>`),
          defaultPublishOptions: { headers: { 'x-a': 1 }, persistent: true },
          key: (message) => String(message),
        }),
      ],
    })
    class AppModule {}
    const { app, close } = await openContext(AppModule);
    const amqp = app.get<AmqpConnection>('PUBLISHER');
    await app.get(Transactions).run(async () => {
      await amqp.publish('', queue, 'value', {
        type: 'named',
        messageId: 'm-1',
        timestamp: 1_700_000_000,
        correlationId: 'c-1',
        contentType: 'text/x-case',
        headers: { 'x-b': true },
      });
      await amqp.publish('', queue, Buffer.from([1, 2]));
      await amqp.publish('', queue, undefined);
    });
    await expect(app.get(OutboxRelay).runOnce()).resolves.toMatchObject({ published: 3 });
    const arrived = await broker.take(queue);
    expect(arrived.map(({ content }) => content.toString('latin1')).sort()).toEqual(
      ['', '\u0001\u0002', '<value>'].sort(),
    );
    const named = arrived.find(({ properties }) => properties.messageId === 'm-1');
    expect(named?.properties).toMatchObject({
      type: 'named',
      timestamp: 1_700_000_000,
      correlationId: 'c-1',
      contentType: 'text/x-case',
      deliveryMode: 2,
      headers: { 'x-b': true },
    });
    await close();
  });
});
