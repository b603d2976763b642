// A relay alone in a process. With POINT ("before remove") and COUNT it kills itself at that step.
import 'reflect-metadata';
import { OutboxModule, RabbitMqPublisher } from '@acme/nest-outbox';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connect } from 'amqplib';
import { storeAt } from './store-at.mjs';

const { TEST_DATABASE, TEST_BROKER, POINT, COUNT, WINDOW, LEASE } = process.env;

const { pool, store } = storeAt(TEST_DATABASE);
const publisher = new RabbitMqPublisher({ connect: () => connect(TEST_BROKER) });

const [when, step] = (POINT ?? '').split(' ');
let calls = 0;
const dieAt = (moment) => {
  if (moment !== when || ++calls < Number(COUNT)) return undefined;
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
};
if (step === 'publish') {
  const original = publisher.publishEach.bind(publisher);
  publisher.publishEach = (messages, told) => {
    for (const _message of messages) void dieAt('before');
    original(messages, (index, outcome) => {
      void dieAt('after');
      told(index, outcome);
    });
  };
} else if (step) {
  const original = store[step].bind(store);
  store[step] = async (...args) => {
    await dieAt('before');
    const result = await original(...args);
    await dieAt('after');
    return result;
  };
}

class AppModule {}
Module({
  imports: [
    OutboxModule.forRoot({
      transactions: false,
      store,
      publisher,
      relay: { window: Number(WINDOW), batchSize: 30, lease: LEASE, pollInterval: 100 },
      retry: { attempts: 2, backoff: 50, maxBackoff: 50 },
    }),
  ],
})(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn', 'error'] });
const leave = async () => {
  await app.close();
  await pool.end();
  process.disconnect();
};
process.on('SIGTERM', () => void leave());
process.send('started');
