import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { ServiceLogger } from '@shop/platform';
import { AppModule } from './app.module';
import { grpcOptions } from './grpc/grpc-options';
import { HealthStatus } from './grpc/health-status';
import { declareTopology } from './topology';

async function main(): Promise<void> {
  const health = new HealthStatus();
  await declareTopology();
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
    ...grpcOptions(health),
    logger: new ServiceLogger('orders'),
  });
  app.enableShutdownHooks();
  await app.listen();
  health.set('SERVING');
}

void main();
