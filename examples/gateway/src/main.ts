import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { ServiceLogger } from '@shop/platform';
import { AppModule } from './app.module.js';
import { config } from './config.js';

const app = await NestFactory.create(AppModule, { logger: new ServiceLogger('gateway') });
app.enableShutdownHooks();
await app.listen(config.PORT);
