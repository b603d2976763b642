import 'reflect-metadata';
import type { INestApplication, Provider, Type } from '@nestjs/common';
import { RmqContext } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { MessageContextModule } from '@acme/nest-message-context';
import { FakeServer } from './fake-server.js';
import { TraceModule } from './trace.js';

export interface SettledApp {
  readonly app: INestApplication;
  /** What was done to deliveries, as far as it has happened. */
  readonly settled: readonly string[];
  /** Delivers a message and resolves when its handling has ended. */
  deliver(pattern: string): Promise<unknown>;
}

/** A hybrid application with a RabbitMQ transport that has no broker; whoever opens it closes it. */
export async function openSettled(
  controllers: Type<unknown>[],
  providers: Provider[] = [],
): Promise<SettledApp> {
  const module = await Test.createTestingModule({
    imports: [MessageContextModule.forRoot(), TraceModule],
    controllers,
    providers,
  }).compile();
  const app = module.createNestApplication({ logger: false });
  const server = new FakeServer({ noAck: false });
  app.connectMicroservice({ strategy: server }, { inheritAppConfig: true });
  await app.init();
  return { app, ...deliveriesTo(server) };
}

/** Deliveries to this server, and what was done to them. */
export function deliveriesTo(server: FakeServer): Pick<SettledApp, 'settled' | 'deliver'> {
  const settled: string[] = [];
  const channel = {
    ack: () => settled.push('ack'),
    nack: (_message: unknown, _all: boolean, requeue: boolean) =>
      settled.push(requeue ? 'nack, requeue' : 'nack'),
    reject: (_message: unknown, requeue: boolean) => settled.push(requeue ? 'requeue' : 'reject'),
  };
  const deliver = (pattern: string): Promise<unknown> => {
    const message = {
      content: Buffer.from('{}'),
      fields: { deliveryTag: 1, redelivered: false, exchange: '', routingKey: pattern },
      properties: { headers: {} },
    };
    return server.call(pattern, {}, new RmqContext([message, channel, pattern]));
  };
  return { settled, deliver };
}
