import { RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Place } from './subject.js';

/** An application with golevelup's module, and with these. */
export async function runGolevelup(
  { amqpUrl, prefetch }: Place,
  provider: Type,
  imports: DynamicModule[],
): Promise<() => Promise<void>> {
  @Module({
    imports: [
      ...imports,
      RabbitMQModule.forRoot({
        uri: amqpUrl,
        connectionInitOptions: { wait: true },
        prefetchCount: prefetch,
      }),
    ],
    providers: [provider],
  })
  class AppModule {}
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
  return () => app.close();
}
