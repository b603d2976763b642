import 'reflect-metadata';
import { openApp, type TestBroker } from '@acme/internal-testing';
import { MessageContextModule, type OrderStore } from '@acme/nest-message-context';
import { RabbitMqModule, type RetryOptions } from '@acme/nest-rabbitmq';
import { ReliableRmqServer } from '@acme/nest-rabbitmq/nest';
import { Module, type Type } from '@nestjs/common';
import { connect } from 'amqplib';
import { StoresModule } from './consumers.js';

interface Options {
  readonly broker: Pick<TestBroker, 'url'>;
  /** Each consumed by a server of its own. */
  readonly grounds: readonly { readonly queue: string; readonly exchange: string }[];
  readonly controllers: readonly Type[];
  readonly order?: OrderStore;
  readonly retry?: RetryOptions;
}

/** A hybrid application with controllers of the test's own. */
export async function openServers({ broker, grounds, controllers, order, retry }: Options) {
  @Module({
    imports: [
      StoresModule.of({ order }),
      MessageContextModule.forRoot(),
      RabbitMqModule.forRoot({ connect: () => connect(broker.url), ...(retry && { retry }) }),
    ],
    controllers: [...controllers],
  })
  class AppModule {}
  const servers = grounds.map(
    ({ queue, exchange }) =>
      new ReliableRmqServer({
        urls: [broker.url],
        queue,
        queueOptions: { durable: true, arguments: { 'x-queue-type': 'quorum' } },
        exchange,
        exchangeType: 'topic',
        routingKey: 'placed',
      }),
  );
  const microservices = servers.map((strategy) => ({ strategy }));
  const configure = (app: { init(): unknown }) => app.init();
  return { ...(await openApp(AppModule, { microservices, configure })), servers };
}
