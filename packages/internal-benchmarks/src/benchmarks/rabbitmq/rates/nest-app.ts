import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';

/** A Nest microservice with these modules. */
export async function runNest(
  controller: Type,
  imports: DynamicModule[],
  transport: MicroserviceOptions,
): Promise<() => Promise<void>> {
  @Module({ imports, controllers: [controller] })
  class AppModule {}
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
    ...transport,
    // What a log costs is the logger's affair.
    logger: false,
  });
  await app.listen();
  return () => app.close();
}
