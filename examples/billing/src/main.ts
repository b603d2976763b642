import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { ServiceLogger } from '@shop/platform';
import { AppModule } from './app.module.js';
import { rmqOptions } from './rmq-options.js';
import { declareTopology } from './topology.js';

await declareTopology();
const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
  ...rmqOptions,
  logger: new ServiceLogger('billing'),
});
app.enableShutdownHooks();
await app.listen();
