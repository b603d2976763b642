// One of several instances that consume QUEUES, behind Nest or golevelup (KIND), with an order per key. What begins and ends is
// appended to LEDGER, as "begun k0 1" and "done k0 1", with who did it. Closes its application when it is asked to leave.
import 'reflect-metadata';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  MessageContext,
  MessageContextModule,
  PlainJsonDeserializer,
} from '@acme/nest-message-context';
import { RabbitMqModule, RmqOrdered } from '@acme/nest-rabbitmq';
import { RabbitMQModule, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Controller, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Transport } from '@nestjs/microservices';
import { connect } from 'amqplib';

const { TEST_BROKER, KIND, QUEUES, QUEUE_OPTIONS, LEDGER, NAME, PREFETCH, HANDLER_MS } =
  process.env;
const queues = JSON.parse(QUEUES);
const queueOptions = JSON.parse(QUEUE_OPTIONS);

class Orders {
  async placed() {
    const { key, n } = MessageContext.require().message.payload;
    appendFileSync(LEDGER, `begun ${key} ${n} ${NAME}\n`);
    await sleep(Math.random() * Number(HANDLER_MS));
    appendFileSync(LEDGER, `done ${key} ${n} ${NAME}\n`);
  }
}
const placed = Object.getOwnPropertyDescriptor(Orders.prototype, 'placed');
RmqOrdered({ key: { payload: 'key' } })(Orders.prototype, 'placed', placed);
const decorate =
  KIND === 'golevelup' ? RabbitSubscribe({ name: 'orders' }) : EventPattern('placed');
decorate(Orders.prototype, 'placed', placed);
Object.defineProperty(Orders.prototype, 'placed', placed);
(KIND === 'golevelup' ? Injectable() : Controller())(Orders);

const imports = [
  MessageContextModule.forRoot(),
  RabbitMqModule.forRoot({ connect: () => connect(TEST_BROKER) }),
];
class AppModule {}
if (KIND === 'golevelup')
  Module({
    imports: [
      ...imports,
      RabbitMQModule.forRoot({
        uri: TEST_BROKER,
        connectionInitOptions: { wait: true },
        prefetchCount: Number(PREFETCH),
        handlers: { orders: queues.map((queue) => ({ queue, queueOptions })) },
      }),
    ],
    providers: [Orders],
  })(AppModule);
else Module({ imports, controllers: [Orders] })(AppModule);

const open = async () => {
  if (KIND === 'golevelup')
    return NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
  const app = await NestFactory.create(AppModule, { logger: ['error'] });
  for (const queue of queues)
    app.connectMicroservice({
      transport: Transport.RMQ,
      options: {
        urls: [TEST_BROKER],
        queue,
        queueOptions,
        noAck: false,
        prefetchCount: Number(PREFETCH),
        deserializer: new PlainJsonDeserializer(),
      },
    });
  await app.startAllMicroservices();
  return app.init();
};

const app = await open();
process.on('SIGTERM', () => void app.close().then(() => process.exit()));
process.send('ready');
