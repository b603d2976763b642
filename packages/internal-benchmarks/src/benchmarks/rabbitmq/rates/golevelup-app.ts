import { RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Place } from './subject.js';

/** What ours has besides. */
export interface Additions {
  readonly imports?: readonly DynamicModule[];
  readonly connectionManagerOptions?: {
    readonly heartbeatIntervalInSeconds?: number;
    readonly reconnectTimeInSeconds?: number;
  };
}

/** An application with golevelup's module, and with these. */
export async function runGolevelup(
  { amqpUrl, prefetch }: Place,
  provider: Type,
  { imports = [], connectionManagerOptions = {} }: Additions,
): Promise<() => Promise<void>> {
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
    providers: [provider],
  })
  class AppModule {}
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
  return () => app.close();
}
