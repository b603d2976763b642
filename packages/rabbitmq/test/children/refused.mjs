// A consumer of QUEUE with a CLIENT, whose queue the broker refuses. It ends with that.
import 'reflect-metadata';
import { MessageContextModule } from '@acme/nest-message-context';
import { RabbitMqModule } from '@acme/nest-rabbitmq';
import { ReliableRmqServer } from '@acme/nest-rabbitmq/nest';
import { RabbitMQModule, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Controller, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Transport } from '@nestjs/microservices';
import { connect } from 'amqplib';

const { TEST_BROKER, QUEUE, CLIENT } = process.env;
const imports = [
  MessageContextModule.forRoot(),
  RabbitMqModule.forRoot({ connect: () => connect(TEST_BROKER) }),
];
const queueOptions = {
  durable: true,
  deadLetterExchange: 'dlx',
  arguments: { 'x-queue-type': 'quorum' },
};
const decorate = (target, decorator) =>
  decorator(
    target.prototype,
    'placed',
    Object.getOwnPropertyDescriptor(target.prototype, 'placed'),
  );

class Orders {
  placed() {}
}
class AppModule {}

if (CLIENT === 'golevelup') {
  Injectable()(Orders);
  decorate(Orders, RabbitSubscribe({ queue: QUEUE, queueOptions }));
  const connecting = { uri: TEST_BROKER, connectionInitOptions: { wait: true } };
  const golevelup = RabbitMQModule.forRoot({ ...connecting, prefetchCount: 1 });
  Module({ imports: [...imports, golevelup], providers: [Orders] })(AppModule);
  await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
} else {
  Controller()(Orders);
  decorate(Orders, EventPattern('placed'));
  Module({ imports, controllers: [Orders] })(AppModule);
  const options = { urls: [TEST_BROKER], queue: QUEUE, queueOptions, prefetchCount: 1 };
  const app = await NestFactory.createMicroservice(AppModule, {
    logger: ['error'],
    ...(CLIENT === 'Nest'
      ? { transport: Transport.RMQ, options: { ...options, noAck: false } }
      : { strategy: new ReliableRmqServer(options) }),
  });
  await app.listen();
}
