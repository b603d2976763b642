// A guard of the whole application, made for HTTP: it refuses messages as well. That must not be silent, and nothing may be lost.
import { openContext, openMicroservice, testBroker, waitFor } from '@acme/internal-testing';
import { MessageContextModule } from '@acme/nest-message-context';
import { RabbitMqModule } from '@acme/nest-rabbitmq';
import { ReliableRmqServer } from '@acme/nest-rabbitmq/nest';
import { RabbitMQModule, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import {
  Controller,
  Injectable,
  Module,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { EventPattern, Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { connect } from 'amqplib';
import { expect, it } from 'vitest';

const broker = await testBroker();

/** As they are: there is no user in a message. */
class AuthGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return Boolean(context.switchToHttp().getRequest<{ user?: unknown }>().user);
  }
}

const kinds = {
  'Nest RMQ': (queue: string): MicroserviceOptions => ({
    transport: Transport.RMQ,
    options: {
      urls: [broker.url],
      queue,
      noAck: false,
      prefetchCount: 10,
      queueOptions: { durable: true },
    },
  }),
  ReliableRmqServer: (queue: string): MicroserviceOptions => ({
    strategy: new ReliableRmqServer({
      urls: [broker.url],
      queue,
      queueOptions: { durable: true },
    }),
  }),
  golevelup: undefined,
};

it.each(Object.entries(kinds))(
  'parks what a global guard refuses, with its reason: %s',
  async (kind, transport) => {
    const name = `guarded-${kind.replaceAll(' ', '-')}`;
    const queue = broker.name(name);
    const dlq = broker.name(`${name}.dlq`);
    let handled = 0;
    @Controller()
    @Injectable()
    class Orders {
      @EventPattern('placed')
      @RabbitSubscribe({ queue, queueOptions: { durable: true } })
      placed(): void {
        handled += 1;
      }
    }
    @Module({
      imports: [
        MessageContextModule.forRoot(),
        RabbitMqModule.forRoot({ connect: () => connect(broker.url), queueType: 'classic' }),
        ...(transport
          ? []
          : [RabbitMQModule.forRoot({ uri: broker.url, connectionInitOptions: { wait: true } })]),
      ],
      ...(transport ? { controllers: [Orders] } : {}),
      providers: [{ provide: APP_GUARD, useClass: AuthGuard }, ...(transport ? [] : [Orders])],
    })
    class AppModule {}
    const { close, log } = transport
      ? await openMicroservice(AppModule, transport(queue))
      : await openContext(AppModule);
    const channel = await broker.confirmChannel();
    const packet = JSON.stringify({ pattern: 'placed', data: { id: 1 } });
    channel.sendToQueue(queue, Buffer.from(packet), { messageId: 'm-1' });
    await channel.waitForConfirms();
    await channel.close();
    await waitFor(async () => (await broker.queue(dlq))?.messages === 1);
    const [message] = await broker.take(dlq);
    expect(message?.properties.headers?.['x-error-message']).toContain('Forbidden resource');
    expect(log.messages('warn').join('\n')).toMatch(/Parked ".*" m-1 in .*Forbidden resource/);
    expect(handled).toBe(0);
    await close();
    expect((await broker.queue(queue))?.messages).toBe(0);
  },
);
