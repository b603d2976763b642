// A consumer behind Nest that stops keys (`park-key`), alone in a process, with its order store in PostgreSQL. Messages with a "bad" in
// their ids fail until the file MENDED is there. With POINT and COUNT it kills itself when it gets there so often. What it does is
// appended to LEDGER, as "succeeded k0-1". It says "ready", and closes its application when it is asked to leave.
import 'reflect-metadata';
import { appendFileSync, existsSync } from 'node:fs';
import { IdempotencyModule, PostgresIdempotencyStore } from '@acme/nest-idempotency';
import {
  MessageContext,
  MessageContextModule,
  NonRetryableError,
  PlainJsonDeserializer,
} from '@acme/nest-message-context';
import { RabbitMqModule, RmqOrdered } from '@acme/nest-rabbitmq';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, ServerRMQ, Transport } from '@nestjs/microservices';
import { connect } from 'amqplib';
import pg from 'pg';
import { dieAtPublishing, pass } from './dying.mjs';

const { TEST_BROKER, QUEUE, DATABASE, SCHEMA, LEDGER, MENDED } = process.env;

const pool = new pg.Pool({ connectionString: DATABASE });
const store = new PostgresIdempotencyStore({ schema: SCHEMA, database: pool });
const settle = store.settle.bind(store);
store.settle = async (...args) => {
  pass('before write');
  const state = await settle(...args);
  pass('after write');
  return state;
};

const setupChannel = ServerRMQ.prototype.setupChannel;
ServerRMQ.prototype.setupChannel = function (channel, callback) {
  const ack = channel.ack.bind(channel);
  channel.ack = (...args) => {
    pass('before ack');
    ack(...args);
    setImmediate(() => setImmediate(pass, 'after ack'));
  };
  return setupChannel.call(this, channel, callback);
};

class Orders {
  placed() {
    const { messageId } = MessageContext.require().message;
    if (messageId.includes('bad') && !existsSync(MENDED)) throw new NonRetryableError('BAD');
    appendFileSync(LEDGER, `succeeded ${messageId}\n`);
  }
}
const placed = Object.getOwnPropertyDescriptor(Orders.prototype, 'placed');
RmqOrdered({ key: { payload: 'key' }, onFailure: 'park-key' })(Orders.prototype, 'placed', placed);
EventPattern('placed')(Orders.prototype, 'placed', placed);
Object.defineProperty(Orders.prototype, 'placed', placed);
Controller()(Orders);

const hopConnection = async () => {
  const connection = await connect(TEST_BROKER);
  dieAtPublishing(connection);
  return connection;
};
class AppModule {}
Module({
  imports: [
    MessageContextModule.forRoot(),
    IdempotencyModule.forRoot({ namespace: 'tests', store, migrate: true }),
    RabbitMqModule.forRoot({ connect: hopConnection }),
  ],
  controllers: [Orders],
})(AppModule);

const app = await NestFactory.createMicroservice(AppModule, {
  logger: ['error'],
  transport: Transport.RMQ,
  options: {
    urls: [TEST_BROKER],
    queue: QUEUE,
    queueOptions: {
      durable: true,
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 20 },
    },
    noAck: false,
    prefetchCount: 10,
    deserializer: new PlainJsonDeserializer(),
  },
});
process.on('SIGTERM', () => void app.close().then(() => pool.end(), process.disconnect()));
await app.listen();
process.send('ready');
