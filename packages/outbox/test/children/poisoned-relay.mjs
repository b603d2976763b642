// A relay alone in a process that dies when it reads, or publishes, a message whose type is "poison".
import 'reflect-metadata';
import { OutboxModule } from '@acme/nest-outbox';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connect } from 'amqplib';
import { storeAt } from './store-at.mjs';

const { TEST_DATABASE, TEST_BROKER, DIES_AT } = process.env;

const { pool, store } = storeAt(TEST_DATABASE);
const publisher = new RabbitMqPublisher({ connect: () => connect(TEST_BROKER) });

const dieOf = (types) => {
  if (!types.includes('poison')) return undefined;
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
};
if (DIES_AT === 'reading') {
  for (const method of ['readPending', 'readOne']) {
    const original = store[method].bind(store);
    store[method] = async (...args) => {
      const found = await original(...args);
      await dieOf([found ?? []].flat().map(({ type }) => type));
      return found;
    };
  }
} else {
  const original = publisher.publishEach.bind(publisher);
  publisher.publishEach = (messages, told) => {
    if (!dieOf(messages.map(({ type }) => type))) original(messages, told);
  };
}

class AppModule {}
Module({
  imports: [
    OutboxModule.forRoot({
      transactions: false,
      store,
      publisher,
      relay: { lease: '1s', pollInterval: 100 },
      retry: { crashes: 2 },
    }),
  ],
})(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
const leave = async () => {
  await app.close();
  await pool.end();
  process.disconnect();
};
process.on('SIGTERM', () => void leave());
process.send('started');
