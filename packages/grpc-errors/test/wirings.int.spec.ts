// Nest gives a hybrid application several ways to start its microservices, and most of them lose global filters.
import { openApp } from '@acme/internal-testing';
import { HttpErrorsFilter } from '@acme/nest-grpc-errors';
import { status as Status } from '@grpc/grpc-js';
import { Controller, Get, Module, NotFoundException, type INestApplication } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { expect, it } from 'vitest';
import { grpcTransport, probeClient, probeModule } from './support/probe-app.js';

it.each<[string, object | undefined]>([
  ['as it is', undefined],
  ['with its configuration', { inheritAppConfig: true }],
  ['to be initialised later', { deferInitialization: true }],
  [
    'with its configuration, to be initialised later',
    { inheritAppConfig: true, deferInitialization: true },
  ],
])('answers errors in a hybrid application whose microservice is connected %s', async (_, how) => {
  @Controller()
  class Http {
    @Get('missing')
    missing(): never {
      throw new NotFoundException('no such page');
    }
  }
  const handle = (): never => {
    throw new NotFoundException('no such order');
  };
  @Module({ imports: [probeModule({ handle })], controllers: [Http] })
  class HybridModule {}
  const { url, transport } = await grpcTransport();
  const configure = (app: INestApplication): void => void app.connectMicroservice(transport, how);
  const { url: http, close } = await openApp(HybridModule, { configure });
  const { invoke, close: hangUp } = probeClient(url);
  const { error, status } = await invoke('Unary');
  expect([error && Status[error.code], error?.details]).toEqual(['NOT_FOUND', 'no such order']);
  expect(status?.details.errorInfo?.domain).toBe('probe.test');
  const page = await fetch(`${http}/missing`);
  expect([page.status, await page.json()]).toEqual([
    404,
    { error: 'Not Found', message: 'no such page', statusCode: 404 },
  ]);
  hangUp();
  await close();
});

it('answers errors of both with a filter for all of HTTP', async () => {
  @Controller()
  class Http {
    @Get('missing')
    missing(): never {
      throw new NotFoundException('no such page');
    }
  }
  const handle = (): never => {
    throw new NotFoundException('no such order');
  };
  @Module({
    imports: [probeModule({ handle })],
    controllers: [Http],
    providers: [{ provide: APP_FILTER, useClass: HttpErrorsFilter }],
  })
  class HybridModule {}
  const { url, transport } = await grpcTransport();
  const configure = (app: INestApplication): void =>
    void app.connectMicroservice(transport, { inheritAppConfig: true });
  const { url: http, close } = await openApp(HybridModule, { configure });
  const { invoke, close: hangUp } = probeClient(url);
  const { status } = await invoke('Unary');
  expect(status?.details.errorInfo?.reason).toBe('NOT_FOUND');
  expect(await (await fetch(`${http}/missing`)).json()).toMatchObject({ detail: 'no such page' });
  hangUp();
  await close();
});
