import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';

/** A Nest microservice with these modules, which closes when its process is told to end. */
export async function runNest(
  controller: Type,
  imports: DynamicModule[],
  transport: MicroserviceOptions,
): Promise<{ close(): Promise<void> }> {
  @Module({ imports, controllers: [controller] })
  class AppModule {}
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
    ...transport,
    logger: ['fatal'],
  });
  await app.listen();
  return { close: () => app.close() };
}
