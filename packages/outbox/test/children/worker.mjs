// A worker that nothing but its relay keeps alive. With HANG its broker never answers.
import 'reflect-metadata';
import { OutboxModule } from '@acme/nest-outbox';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connect } from 'amqplib';
import { storeAt } from './store-at.mjs';

const { TEST_DATABASE, TEST_BROKER, HANG, STOP_TIMEOUT } = process.env;

const hanging = {
  publish: () => {
    console.log('published to nobody');
    return new Promise(() => {});
  },
};

class AppModule {}
Module({
  imports: [
    OutboxModule.forRoot({
      store: storeAt(TEST_DATABASE).store,
      publisher: HANG ? hanging : new RabbitMqPublisher({ connect: () => connect(TEST_BROKER) }),
      relay: { mode: 'worker', stopTimeout: STOP_TIMEOUT, pollInterval: '300ms' },
    }),
  ],
})(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn', 'error'] });
app.enableShutdownHooks();
process.send('started');
// A channel to the parent would keep the process alive, too.
process.disconnect();
