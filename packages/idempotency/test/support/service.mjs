// One process of a service with every door, as tests start several of: plain JavaScript on the built package, so that it can
// be killed like a service. What it is told comes by IPC, what it does is counted in the database and the broker.
import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { RabbitMQModule, RabbitRPC, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Body, Controller, Injectable, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  EventPattern,
  GrpcMethod,
  MessagePattern,
  Payload,
  Transport,
} from '@nestjs/microservices';
import {
  Idempotent,
  IdempotencyInfo,
  IdempotencyModule,
  IdempotencyService,
} from '@acme/nest-idempotency';
import { PlainJsonDeserializer } from '@acme/nest-message-context';
import { TransactionModule, Transactions } from '@acme/nest-transaction';
import {
  arm,
  hold,
  isArmed,
  letGo,
  reach,
  watchDeliveries,
  watchedStore,
} from './crash-points.mjs';
import { openStore } from './service-store.mjs';

const {
  STORE,
  AMQP,
  QUEUES,
  GRPC_PORT,
  DOORS,
  ARMED,
  PREFETCH = '1',
  LOCK_TTL = '1s',
} = process.env;
arm(ARMED);
// Each is there before: the test has declared it.
const queues = JSON.parse(QUEUES);
const doors = new Set(DOORS.split(','));
const counts = watchDeliveries();
const { store, adapter, charge, guarded } = await openStore(STORE);
let transactions;

const replies = { principal: false, waitTimeout: '20s' };
const events = { waitTimeout: '50ms', retryAfter: '20ms' };

/** The effect, with points around it. */
const effect = async ({ order, ms = 0 }) => {
  if (isArmed('release')) throw new Error('before the effect');
  if (isArmed('extend')) await new Promise(() => {});
  reach('before effect');
  await charge(order, transactions);
  reach('after effect');
  await hold('after effect');
  if (isArmed('rollback')) throw new Error('after the effect');
  if (ms > 0) await pause(ms);
  return { by: process.pid, order };
};

/** Works until it is told that its lease is lost, or let go; then it writes where a fence is asked for. */
let go;
const released = new Promise((done) => (go = done));
const slow = async ({ order }) => {
  const { signal, fence } = IdempotencyInfo.current();
  process.send({ inside: process.pid, fence });
  const aborted = new Promise((done) => signal.addEventListener('abort', done));
  await Promise.race([aborted, released]);
  const written = await guarded(order, fence);
  process.send({ written, aborted: signal.reason?.code ?? null });
};

const parameters = (target, key, ...decorators) => decorators.forEach((one) => one(target, key, 0));

/** What a compiler makes of decorators. */
const decorated = (base, classDecorator, name, run, decorators, parameter) => {
  const type = { [name]: class extends base {} }[name];
  Object.defineProperty(type.prototype, 'handle', {
    value: run,
    writable: true,
    configurable: true,
  });
  if (parameter) parameters(type.prototype, 'handle', parameter);
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, 'handle');
  const wrapped = Reflect.decorate(decorators, type.prototype, 'handle', descriptor);
  Object.defineProperty(type.prototype, 'handle', wrapped ?? descriptor);
  return Reflect.decorate([classDecorator], type) ?? type;
};

async function handle(order) {
  return effect(order);
}
async function handleEvent(order) {
  await effect(order);
}

const golevelup = (name) => ({
  queue: queues[name],
  // As the default exchange has it; a request is given to the handler of its routing key.
  routingKey: queues[name],
  createQueueIfNotExists: false,
  queueOptions: { channel: 'default' },
});
const Plain = class {};
const byDoor = {
  http: () =>
    decorated(Plain, Controller(), 'Http', handle, [Idempotent(replies), Post('charge')], Body()),
  grpc: () =>
    decorated(Plain, Controller(), 'Grpc', ({ item }) => grpcReply(item), [
      Idempotent(replies),
      GrpcMethod('Orders', 'Place'),
    ]),
  'nest-request': () =>
    decorated(
      Plain,
      Controller(),
      'NestRequest',
      handle,
      [Idempotent(replies), MessagePattern('ask')],
      Payload(),
    ),
  'nest-event': () =>
    decorated(
      Plain,
      Controller(),
      'NestEvent',
      handleEvent,
      [Idempotent(events), EventPattern('charge')],
      Payload(),
    ),
  'nest-slow': () =>
    decorated(
      Plain,
      Controller(),
      'NestSlow',
      slow,
      [Idempotent(events), EventPattern('slow')],
      Payload(),
    ),
  'golevelup-event': () =>
    decorated(Plain, Injectable(), 'GolevelupEvent', handleEvent, [
      Idempotent(events),
      RabbitSubscribe(golevelup('golevelup-event')),
    ]),
  'golevelup-request': () =>
    decorated(Plain, Injectable(), 'GolevelupRequest', handle, [
      Idempotent(replies),
      RabbitRPC(golevelup('golevelup-request')),
    ]),
};

const grpcReply = async (order) => {
  const { by } = await effect({ order, ms: 50 });
  return { id: String(by), amount: '9007199254740993' };
};

const chosen = Object.keys(byDoor).filter((name) => doors.has(name));
const providers = chosen
  .filter((name) => name.startsWith('golevelup'))
  .map((name) => byDoor[name]());
const controllers = chosen
  .filter((name) => !name.startsWith('golevelup'))
  .map((name) => byDoor[name]());
const ofNest = chosen.filter((name) => name.startsWith('nest'));

const Root = class {};
Module({
  imports: [
    ...(adapter ? [TransactionModule.forRoot({ adapter })] : []),
    ...(providers.length > 0
      ? [
          RabbitMQModule.forRoot({
            uri: AMQP,
            prefetchCount: Number(PREFETCH),
            channels: { default: { prefetchCount: Number(PREFETCH), default: true } },
            connectionInitOptions: { wait: true },
          }),
        ]
      : []),
    IdempotencyModule.forRoot({
      namespace: 'service',
      store: watchedStore(store, (settled) => doors.has('nest-slow') && process.send({ settled })),
      migrate: 'migrate' in store,
      lockTtl: LOCK_TTL,
    }),
  ],
  controllers,
  providers,
})(Root);

const app = await NestFactory.create(Root, {
  logger: ['error', 'warn', 'fatal'],
  abortOnError: false,
});
if (ofNest.length > 0)
  app.connectMicroservice({
    transport: Transport.RMQ,
    options: {
      urls: [AMQP],
      queue: queues.nest,
      noAssert: true,
      noAck: false,
      prefetchCount: Number(PREFETCH),
      deserializer: new PlainJsonDeserializer(),
    },
  });
if (doors.has('grpc'))
  app.connectMicroservice({
    transport: Transport.GRPC,
    options: {
      package: 'orders',
      protoPath: fileURLToPath(new URL('orders.proto', import.meta.url)),
      url: `127.0.0.1:${GRPC_PORT}`,
      loader: { longs: String },
    },
  });
if (adapter) transactions = app.get(Transactions);
await app.startAllMicroservices();
await app.listen(0, '127.0.0.1');

const service = app.get(IdempotencyService);
const commands = {
  arm: ({ point }) => arm(point),
  go: () => go(),
  resume: () => letGo(),
  acks: () => counts.acks,
  deliveries: () => counts.deliveries,
  /** The same key many times at once, in a plain call. */
  many: ({ order, calls, ms }) =>
    Promise.all(
      Array.from({ length: calls }, () =>
        service.run(order, () => effect({ order, ms }), { name: 'plain', waitTimeout: '20s' }),
      ),
    ),
};
process.on('message', ({ id, command, ...args }) => {
  void (async () => commands[command](args))()
    .then(
      (value) => ({ value }),
      (error) => ({ error: error.code ?? String(error) }),
    )
    .then((result) => process.send({ id, ...result }));
});
process.send({ ready: process.pid, port: app.getHttpServer().address().port });
