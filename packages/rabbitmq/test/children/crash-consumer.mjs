// Consumes QUEUE behind KIND ("Nest RMQ", "ReliableRmqServer" or "golevelup") and dies of every message whose id begins with "poison".
// With DATABASE it has an attempt store there. What begins and ends is appended to LEDGER, as "begun m-1" and "done m-1". It says
// "ready", and closes its application when it is asked to leave.
import 'reflect-metadata';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { IdempotencyModule, PostgresIdempotencyStore } from '@acme/nest-idempotency';
import {
  MessageContext,
  MessageContextModule,
  PlainJsonDeserializer,
} from '@acme/nest-message-context';
import { RabbitMqModule, RmqRetry } from '@acme/nest-rabbitmq';
import { ReliableRmqServer } from '@acme/nest-rabbitmq/nest';
import { RabbitMQModule, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Controller, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Transport } from '@nestjs/microservices';
import { connect } from 'amqplib';
import pg from 'pg';

const { TEST_BROKER, KIND, QUEUE, ARGUMENTS, DATABASE, SCHEMA, LEDGER, CRASHES } = process.env;
const PREFETCH = 10;
const queueOptions = { durable: true, arguments: JSON.parse(ARGUMENTS) };

class Orders {
  async placed() {
    const { messageId, attempt } = MessageContext.require().message;
    appendFileSync(LEDGER, `begun ${messageId} ${attempt}\n`);
    // The others are under way by then.
    await sleep(5);
    // The signal is there before the call returns.
    if (messageId.startsWith('poison')) process.kill(process.pid, 'SIGKILL');
    await sleep(15);
    appendFileSync(LEDGER, `done ${messageId} ${attempt}\n`);
  }
}
const placed = Object.getOwnPropertyDescriptor(Orders.prototype, 'placed');
if (CRASHES) RmqRetry({ crashes: Number(CRASHES) })(Orders.prototype, 'placed', placed);
const decorate =
  KIND === 'golevelup'
    ? RabbitSubscribe({ queue: QUEUE, queueOptions, exchange: '', routingKey: QUEUE })
    : EventPattern('placed');
decorate(Orders.prototype, 'placed', placed);
(KIND === 'golevelup' ? Injectable() : Controller())(Orders);

const pool = DATABASE && new pg.Pool({ connectionString: DATABASE });
const imports = [
  MessageContextModule.forRoot(),
  RabbitMqModule.forRoot({
    connect: () => connect(TEST_BROKER),
    retry: { attempts: 2, initial: 50 },
  }),
];
if (pool)
  imports.push(
    IdempotencyModule.forRoot({
      namespace: 'tests',
      store: new PostgresIdempotencyStore({ schema: SCHEMA, database: pool }),
      migrate: true,
    }),
  );

class AppModule {}
if (KIND === 'golevelup')
  Module({
    imports: [
      ...imports,
      RabbitMQModule.forRoot({
        uri: TEST_BROKER,
        connectionInitOptions: { wait: true },
        prefetchCount: PREFETCH,
      }),
    ],
    providers: [Orders],
  })(AppModule);
else Module({ imports, controllers: [Orders] })(AppModule);

const rmq = { urls: [TEST_BROKER], queue: QUEUE, queueOptions, prefetchCount: PREFETCH };
const transport =
  KIND === 'ReliableRmqServer'
    ? { strategy: new ReliableRmqServer(rmq) }
    : {
        transport: Transport.RMQ,
        options: { ...rmq, noAck: false, deserializer: new PlainJsonDeserializer() },
      };

const open = async () => {
  const logger = ['error', 'warn'];
  if (KIND === 'golevelup') return NestFactory.createApplicationContext(AppModule, { logger });
  const app = await NestFactory.createMicroservice(AppModule, { logger, ...transport });
  await app.listen();
  return app;
};

const app = await open();
process.on(
  'SIGTERM',
  () =>
    void app
      .close()
      .then(() => pool?.end())
      .then(() => process.exit()),
);
process.send('ready');
