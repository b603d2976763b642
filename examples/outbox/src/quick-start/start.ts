import 'reflect-metadata';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

export async function start(port: number): Promise<INestApplication> {
  // #region main
  const app = await NestFactory.create(AppModule);
  // On SIGTERM the relay finishes what is on its way, and gives its lanes back.
  app.enableShutdownHooks();
  await app.listen(port);
  // #endregion
  return app;
}
