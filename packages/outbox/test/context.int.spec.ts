import 'reflect-metadata';
import { openApp, testBroker, testDatabase, waitFor } from '@acme/internal-testing';
import { EventSink } from '@acme/nest-message-context';
import { OutboxModule, PostgresOutboxStore } from '@acme/nest-outbox';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import { Controller, Inject, Module, Post } from '@nestjs/common';
import { connect } from 'amqplib';
import { expect, it } from 'vitest';

@Controller()
class OrdersController {
  constructor(
    @Inject(EventSink) private readonly events: EventSink,
    @Inject(Transactions) private readonly transactions: Transactions,
  ) {}

  @Post('orders')
  place() {
    return this.transactions.run(() =>
      this.events.add({ type: 'placed', payload: 1, headers: { tracestate: 'own=1', extra: 7 } }),
    );
  }
}

it('a message carries on what the request was part of, on the wire as in the table', async () => {
  const [database, broker] = await Promise.all([testDatabase(), testBroker()]);
  const channel = await broker.channel();
  const queue = broker.name('placed');
  await channel.assertQueue(queue, { durable: true });
  const exchange = broker.name('events');
  await channel.assertExchange(exchange, 'topic');
  await channel.bindQueue(queue, exchange, 'placed');
  @Module({
    imports: [
      TransactionModule.forRoot({ adapter: fromPg(database.pool) }),
      OutboxModule.forRoot({
        store: new PostgresOutboxStore({ database: database.pool }),
        publisher: new RabbitMqPublisher({ connect: () => connect(broker.url), exchange }),
      }),
    ],
    controllers: [OrdersController],
  })
  class AppModule {}
  const { url, close } = await openApp(AppModule);
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const response = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: {
      'x-correlation-id': 'c-42',
      traceparent,
      tracestate: 'theirs=1',
      'idempotency-key': 'of-the-request',
      connection: 'close',
    },
  });
  expect(response.status).toBe(201);
  const [message] = await waitFor(async () => {
    const taken = await broker.take(queue);
    return taken.length > 0 ? taken : undefined;
  });
  expect(message?.properties.correlationId).toBe('c-42');
  // Not the request's: the event is another message.
  expect(message?.properties.headers?.['idempotency-key']).toBe(message?.properties.messageId);
  expect(message?.properties.headers).toMatchObject({
    'x-correlation-id': 'c-42',
    traceparent,
    // The caller's own is stronger.
    tracestate: 'own=1',
    extra: 7,
  });
  await close();
});
