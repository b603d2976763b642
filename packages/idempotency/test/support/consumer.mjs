// A consumer whose handler ends its process: plain JavaScript on the built package, so that it dies like a service.
import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Transport } from '@nestjs/microservices';
import {
  Idempotent,
  IdempotencyInfo,
  IdempotencyModule,
  PostgresIdempotencyStore,
  RedisIdempotencyStore,
} from '@acme/nest-idempotency';
import { PlainJsonDeserializer } from '@acme/nest-message-context';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import { Redis } from 'ioredis';
import pg from 'pg';

const { MODE, DATABASE, SCHEMA, REDIS, PREFIX, AMQP, QUEUE, PARKED } = process.env;
const inTransaction = MODE === 'transaction';
const pool = new pg.Pool({ connectionString: DATABASE });
const store = inTransaction
  ? new PostgresIdempotencyStore({ schema: SCHEMA })
  : new RedisIdempotencyStore(new Redis(REDIS), { prefix: PREFIX });

class Poisoned {
  async handle() {
    await new Promise((sent) => process.send({ attempt: IdempotencyInfo.current().attempt }, sent));
    process.kill(process.pid, 'SIGKILL');
    await new Promise(() => {});
  }
}
const { prototype } = Poisoned;
const descriptor = Object.getOwnPropertyDescriptor(prototype, 'handle');
EventPattern('poison')(prototype, 'handle', descriptor);
const protect = Idempotent({ maxAttempts: 2, effect: 'none' });
Object.defineProperty(prototype, 'handle', protect(prototype, 'handle', descriptor) ?? descriptor);
Controller()(Poisoned);

class Root {}
const module = {
  module: Root,
  imports: [
    ...(inTransaction ? [TransactionModule.forRoot({ adapter: fromPg(pool) })] : []),
    IdempotencyModule.forRoot({
      namespace: 'consumer',
      store,
      migrate: inTransaction,
      lockTtl: '600ms',
      retryAfter: '50ms',
      waitTimeout: 0,
    }),
  ],
  controllers: [Poisoned],
};
const app = await NestFactory.createMicroservice(module, {
  transport: Transport.RMQ,
  options: {
    urls: [AMQP],
    queue: QUEUE,
    prefetchCount: 1,
    noAck: false,
    deserializer: new PlainJsonDeserializer(),
    queueOptions: {
      durable: false,
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': PARKED },
    },
  },
  logger: false,
});
await app.listen();
process.send({ ready: true });
