import assert from 'node:assert/strict';
import { type AddressInfo } from 'node:net';
import { Controller, Get, Global, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  bodyStage,
  MessageContext,
  MessageContextModule,
  type BodyCall,
  type BodyStageService,
} from '@acme/nest-message-context';

@Injectable()
class Watcher implements BodyStageService<string> {
  readonly seen: string[] = [];

  around({ handler, options }: BodyCall<string>, next: () => Promise<unknown>): Promise<unknown> {
    this.seen.push(`${options} ${handler.className}.${handler.methodName}`);
    return next();
  }
}

@Global()
@Module({ providers: [Watcher], exports: [Watcher] })
class WatcherModule {}

const Watched = bodyStage({
  slot: 'attempts',
  decorator: '@Watched()',
  module: 'WatcherModule',
  service: Watcher,
  options: 'watched',
});

@Controller()
class OrdersController {
  @Watched
  @Get('orders')
  list(): object {
    return { servedFor: MessageContext.require().correlationId };
  }
}

@Module({
  imports: [MessageContextModule.forRoot(), WatcherModule],
  controllers: [OrdersController],
})
class AppModule {}

/** One HTTP handler with one stage around it. */
export async function smoke(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/orders`, {
    headers: { 'x-correlation-id': 'smoke-1' },
  });
  const body = await response.text();
  const { seen } = app.get(Watcher);
  await app.close();
  assert.equal(body, JSON.stringify({ servedFor: 'smoke-1' }));
  assert.equal(response.headers.get('x-correlation-id'), 'smoke-1');
  assert.deepEqual(seen, ['watched OrdersController.list']);
}
