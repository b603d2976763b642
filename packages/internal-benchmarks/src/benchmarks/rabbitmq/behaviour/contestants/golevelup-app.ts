import {
  AmqpConnection,
  RabbitMQModule,
  RabbitRPC,
  RabbitSubscribe,
} from '@golevelup/nestjs-rabbitmq';
import { Injectable, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { ConsumeMessage } from 'amqplib';
import type { Place, Work } from '../contestant.js';
import type { Task } from '../task.js';

/** What ours has besides. */
interface Additions {
  readonly imports?: readonly DynamicModule[];
  /** Of the handler. */
  readonly order?: MethodDecorator;
  readonly connectionManagerOptions?: {
    readonly heartbeatIntervalInSeconds?: number;
    readonly reconnectTimeInSeconds?: number;
  };
}

/** An application with golevelup's module and these, which closes when its process is told to end. */
export async function runGolevelup(
  { amqpUrl, queue, queueOptions, prefetch, isRpc }: Place,
  work: Work,
  { imports = [], order = () => {}, connectionManagerOptions = {} }: Additions = {},
): Promise<{ close(): Promise<void> }> {
  const handler = isRpc
    ? RabbitRPC({ queue, queueOptions, routingKey: queue })
    : RabbitSubscribe({ queue, queueOptions });
  @Injectable()
  class Tasks {
    constructor(private readonly connection: AmqpConnection) {}

    @order
    @handler
    onTask(task: Task, message: ConsumeMessage): Promise<unknown> {
      return work(task, () => this.connection.channel.ack(message));
    }
  }
  @Module({
    imports: [
      ...imports,
      RabbitMQModule.forRoot({
        uri: amqpUrl,
        connectionInitOptions: { wait: true },
        connectionManagerOptions,
        prefetchCount: prefetch,
      }),
    ],
    providers: [Tasks],
  })
  class AppModule {}
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['fatal'] });
  return { close: () => app.close() };
}
