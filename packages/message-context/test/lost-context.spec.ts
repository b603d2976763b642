import 'reflect-metadata';
import { Controller, Module, Post, type MiddlewareConsumer } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { RecordingLogger } from '@acme/internal-testing';
import { MessageContext, MessageContextModule } from '@acme/nest-message-context';
import { AsyncResource } from 'node:async_hooks';
import { afterEach, describe, expect, it } from 'vitest';
import { Body, currentId, ProbeModule } from './support/probe.js';

type Next = () => void;

/** Where a pool or a socket calls back: a context of nobody, made before any request came. */
const elsewhere = new AsyncResource('pool');
const losesContext = (_request: unknown, _response: unknown, next: Next): void =>
  elsewhere.runInAsyncScope(next);
const keepsContext = (request: unknown, response: unknown, next: Next): void =>
  losesContext(request, response, MessageContext.bind(next));

@Controller()
class Orders {
  @Body()
  @Post('orders')
  place(): string {
    return currentId() ?? 'none';
  }
}

const moduleWith = (middleware: typeof losesContext | undefined) => {
  @Module({
    imports: [MessageContextModule.forRoot(), ProbeModule],
    controllers: [Orders],
  })
  class OrdersModule {
    configure(consumer: MiddlewareConsumer): void {
      if (middleware) consumer.apply(middleware).forRoutes(Orders);
    }
  }
  return OrdersModule;
};

let close = async (): Promise<void> => {};
afterEach(() => close());

async function open(ofModule?: typeof losesContext, ofApp?: typeof losesContext) {
  const log = new RecordingLogger();
  const app = await NestFactory.create(moduleWith(ofModule), { logger: log });
  close = () => app.close();
  if (ofApp) app.use(ofApp);
  await app.listen(0, '127.0.0.1');
  const place = async () => {
    const headers = { 'x-correlation-id': 'id-1' };
    const response = await fetch(`${await app.getUrl()}/orders`, { method: 'POST', headers });
    return { status: response.status, text: await response.text() };
  };
  return { place, log };
}

describe('on Express, a middleware that goes on in the context of somebody else', () => {
  it('costs nothing where the application has registered it: routes enter the context again', async () => {
    const { place } = await open(undefined, losesContext);
    expect(await place()).toEqual({ status: 201, text: 'id-1' });
  });

  it('is refused after that, with the remedy, rather than run a protected method without its message', async () => {
    const { place, log } = await open(losesContext);
    expect(await place()).toMatchObject({ status: 500 });
    expect(log.messages('error').join()).toMatch(
      /lost before Orders\.place: .* MessageContext\.bind\(next\)/,
    );
  });

  it('keeps the context when it follows the remedy', async () => {
    const { place } = await open(keepsContext);
    expect(await place()).toEqual({ status: 201, text: 'id-1' });
  });
});

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

async function openFastify(configure: (fastify: Fastify) => unknown) {
  const log = new RecordingLogger();
  const app = await NestFactory.create<NestFastifyApplication>(
    moduleWith(undefined),
    new FastifyAdapter(),
    { logger: log },
  );
  close = () => app.close();
  configure(app.getHttpAdapter().getInstance());
  await app.listen(0, '127.0.0.1');
  const place = async () => {
    const headers = { 'x-correlation-id': 'id-1', 'content-type': 'text/plain' };
    const url = `${await app.getUrl()}/orders`;
    const response = await fetch(url, { method: 'POST', headers, body: 'order' });
    return { status: response.status, text: await response.text() };
  };
  return { place, log };
}

describe('on Fastify, what goes on in the context of somebody else', () => {
  it.each<[string, (fastify: Fastify) => unknown]>([
    ['a hook of the application', (fastify) => fastify.addHook('onRequest', losesContext)],
    [
      'a hook before the body is parsed',
      (fastify) =>
        fastify.addHook('preParsing', (_request, _reply, payload, done) =>
          elsewhere.runInAsyncScope(() => done(null, payload)),
        ),
    ],
    [
      'a body parser',
      (fastify) => {
        fastify.removeContentTypeParser('text/plain');
        fastify.addContentTypeParser(
          'text/plain',
          { parseAs: 'string' },
          (_request: unknown, body: unknown, done: (error: null, body: unknown) => void) =>
            elsewhere.runInAsyncScope(() => done(null, body)),
        );
      },
    ],
  ])('costs nothing before the validation: %s', async (_what, configure) => {
    const { place } = await openFastify(configure);
    expect(await place()).toEqual({ status: 201, text: 'id-1' });
  });

  it('is refused after that, with the remedy', async () => {
    const { place, log } = await openFastify((fastify) =>
      fastify.addHook('preHandler', losesContext),
    );
    expect(await place()).toMatchObject({ status: 500 });
    expect(log.messages('error').join()).toMatch(
      /lost before Orders\.place: .* MessageContext\.bind\(next\)/,
    );
  });

  it('keeps the context when it follows the remedy', async () => {
    const { place } = await openFastify((fastify) => fastify.addHook('preHandler', keepsContext));
    expect(await place()).toEqual({ status: 201, text: 'id-1' });
  });
});

describe('an HTTP adapter that nobody knows', () => {
  it('is refused at boot under a protected handler', async () => {
    class OtherAdapter extends ExpressAdapter {
      override getType(): string {
        return 'other';
      }
    }
    const log = new RecordingLogger();
    const app = await NestFactory.create(moduleWith(undefined), new OtherAdapter(), {
      logger: log,
      abortOnError: false,
    });
    close = () => app.close();
    await expect(app.init()).rejects.toThrow(
      /Orders\.place: the HTTP adapter "other" has no door, .* Use Express or Fastify/,
    );
  });
});
