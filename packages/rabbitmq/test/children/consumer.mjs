// A consumer alone in a process that waits for "go". With POINT ("before declare", "after publish" …) and COUNT it kills itself when
// it gets there so often. Its messages fail until they come from a wait queue, or always (PARKS). What it does is appended to LEDGER;
// it answers "idle?" with whether it has settled all that it was given.
import 'reflect-metadata';
import { appendFileSync } from 'node:fs';
import {
  MessageContext,
  MessageContextModule,
  PlainJsonDeserializer,
} from '@acme/nest-message-context';
import { RabbitMqModule } from '@acme/nest-rabbitmq';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, ServerRMQ, Transport } from '@nestjs/microservices';
import { connect } from 'amqplib';
import { dieAtPublishing, pass } from './dying.mjs';

const { TEST_BROKER, QUEUE, LEDGER, PARKS } = process.env;

const hopConnection = async () => {
  const connection = await connect(TEST_BROKER);
  const createChannel = connection.createChannel.bind(connection);
  connection.createChannel = async () => {
    const channel = await createChannel();
    const assertQueue = channel.assertQueue.bind(channel);
    channel.assertQueue = async (...args) => {
      pass('before declare');
      const answer = await assertQueue(...args);
      pass('after declare');
      return answer;
    };
    return channel;
  };
  dieAtPublishing(connection, ({ messageId }) => appendFileSync(LEDGER, `hopped ${messageId}\n`));
  return connection;
};

let given = 0;
let settled = 0;
const setupChannel = ServerRMQ.prototype.setupChannel;
ServerRMQ.prototype.setupChannel = function (channel, callback) {
  const ack = channel.ack.bind(channel);
  channel.ack = (...args) => {
    pass('before ack');
    ack(...args);
    settled += 1;
    setImmediate(() => setImmediate(pass, 'after ack'));
  };
  return setupChannel.call(this, channel, callback);
};

class Orders {
  placed() {
    given += 1;
    const { messageId, headers } = MessageContext.require().message;
    if (PARKS || headers.getNumber('x-attempt') === undefined) throw new Error('not now');
    appendFileSync(LEDGER, `succeeded ${messageId}\n`);
  }
}
Controller()(Orders);
EventPattern('placed')(
  Orders.prototype,
  'placed',
  Object.getOwnPropertyDescriptor(Orders.prototype, 'placed'),
);

class AppModule {}
Module({
  imports: [
    MessageContextModule.forRoot(),
    RabbitMqModule.forRoot({
      connect: hopConnection,
      retry: { attempts: PARKS ? 1 : 9, backoff: 'fixed', initial: 50, jitter: false },
    }),
  ],
  controllers: [Orders],
})(AppModule);

const start = async () => {
  const app = await NestFactory.createMicroservice(AppModule, {
    logger: ['error'],
    transport: Transport.RMQ,
    options: {
      urls: [TEST_BROKER],
      queue: QUEUE,
      queueOptions: { durable: true, arguments: { 'x-queue-type': 'quorum' } },
      noAck: false,
      prefetchCount: 10,
      deserializer: new PlainJsonDeserializer(),
    },
  });
  process.on('SIGTERM', () => void app.close().then(() => process.disconnect()));
  await app.listen();
};
process.on('message', (message) => {
  if (message === 'go') void start();
  else process.send({ isIdle: given === settled });
});
