import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { ServiceLogger } from '@shop/platform';
import { AppModule } from './app.module';

async function main(): Promise<void> {
  const logger = new ServiceLogger('notifications');
  const app = await NestFactory.createApplicationContext(AppModule, { logger });
  app.enableShutdownHooks();
}

void main();
