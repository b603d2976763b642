import 'reflect-metadata';
import { once } from 'node:events';
import {
  Body as HttpBody,
  Controller,
  Get,
  Injectable,
  Module,
  Param,
  Post,
  UseGuards,
  type CanActivate,
  type INestApplication,
} from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { waitFor } from '@acme/internal-testing';
import {
  MessageContext,
  MessageContextModule,
  NonRetryableError,
  RetryLater,
  type InboundMessage,
} from '@acme/nest-message-context';
import { of } from 'rxjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Body, BodyProbe, currentId, Edge, EdgeProbe, ProbeModule } from './support/probe.js';

const seen: (string | undefined)[] = [];
let last: InboundMessage | undefined;
let started: (() => void) | undefined;
let closed: Promise<unknown> | undefined;

/** Node's own. */
function responseOf({ response }: InboundMessage): NodeJS.EventEmitter {
  const own = response as { raw?: NodeJS.EventEmitter } & NodeJS.EventEmitter;
  return own.raw ?? own;
}

class Refuse implements CanActivate {
  canActivate(): boolean {
    seen.push(currentId());
    return false;
  }
}

@Injectable()
class Ledger {
  @Body()
  async charge(amount: number): Promise<string | undefined> {
    return `${amount} ${currentId()}`;
  }
}

@Controller('orders')
class OrdersController {
  constructor(private readonly ledger: Ledger) {}

  @Edge()
  @Body()
  @Post()
  async place(@HttpBody() order: unknown): Promise<unknown> {
    last = MessageContext.require().message;
    return { order, id: currentId(), charged: await this.ledger.charge(5) };
  }

  @Get('plain/:id')
  plain(@Param('id') id: string): unknown {
    last = MessageContext.require().message;
    return of({
      id,
      correlationId: currentId(),
      headers: MessageContext.require().outboundHeaders(),
    });
  }

  @UseGuards(Refuse)
  @Get('forbidden')
  forbidden(): void {
    seen.push('handler ran');
  }

  @Get('later')
  later(): void {
    throw new RetryLater({ after: 250 });
  }

  @Get('impossible')
  async impossible(): Promise<never> {
    throw new NonRetryableError('IMPOSSIBLE', { message: 'cannot be' });
  }

  @Get('done')
  done(): void {
    last = MessageContext.require().message;
    closed = once(responseOf(last), 'close');
  }

  @Get('done-asked')
  doneAsked(): boolean {
    this.done();
    return last!.signal.aborted;
  }

  @Get('slow-to-ask')
  async slowToAsk(): Promise<void> {
    const { message } = MessageContext.require();
    started?.();
    await once(responseOf(message), 'close');
    seen.push(`asked late: ${String(message.signal.reason)}`);
  }

  @Get('slow')
  async slow(): Promise<unknown> {
    const { signal } = MessageContext.require().message;
    started?.();
    return new Promise((_done, fail) => {
      signal.addEventListener('abort', () => {
        seen.push(`aborted: ${String(signal.reason)}`);
        fail(signal.reason as Error);
      });
    });
  }
}

@Module({
  imports: [MessageContextModule.forRoot(), ProbeModule],
  controllers: [OrdersController],
  providers: [Ledger],
})
class OrdersModule {}

const adapters = {
  express: () => NestFactory.create(OrdersModule, { logger: false }),
  fastify: () => NestFactory.create(OrdersModule, new FastifyAdapter(), { logger: false }),
  'express in a testing module': async () =>
    (await Test.createTestingModule({ imports: [OrdersModule] }).compile()).createNestApplication({
      logger: false,
    }),
};

describe.each(Object.entries(adapters))('HTTP on %s', (name, create) => {
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    app = await create();
    await app.listen(0, '127.0.0.1');
    url = (await app.getUrl()).replace('localhost', '127.0.0.1');
  });

  afterAll(() => app.close());

  afterEach(() => {
    vi.useRealTimers();
  });

  beforeEach(() => {
    seen.length = 0;
    app.get(BodyProbe).seen.length = 0;
    app.get(EdgeProbe).seen.length = 0;
    app.get(EdgeProbe).replace = undefined;
  });

  const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${url}/orders`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });

  it('takes over the correlation id, answers with it and gives it to everything called', async () => {
    const reply = await post('{"n":1}', { 'X-Correlation-ID': 'abc-1' });
    expect(reply.headers.get('x-correlation-id')).toBe('abc-1');
    expect(await reply.json()).toEqual({ order: { n: 1 }, id: 'abc-1', charged: '5 abc-1' });
  });

  it('tells a handler from a plain method called by it', async () => {
    await post('{}');
    expect(app.get(BodyProbe).seen.map(({ handler, role }) => ({ handler, role }))).toEqual([
      { handler: 'OrdersController.place', role: 'handler' },
      { handler: 'Ledger.charge', role: 'method' },
    ]);
  });

  it('describes the request in the common shape', async () => {
    await post('{"n":1}', { 'x-many': 'one' });
    expect(last).toMatchObject({
      transport: 'http',
      name: 'POST /orders',
      payload: { n: 1 },
      receivedPayload: { n: 1 },
      attempt: 1,
      redelivered: false,
      expectsReply: true,
      handler: { className: 'OrdersController', methodName: 'place' },
    });
    expect(last?.headers.get('X-Many')).toBe('one');
    expect(last?.delivery.settles).toBe(false);
  });

  it('replaces the payload for pipes and handler', async () => {
    app.get(EdgeProbe).replace = () => ({ n: 2 });
    expect(await (await post('{"n":1}')).json()).toMatchObject({ order: { n: 2 } });
    expect(last?.receivedPayload).toEqual({ n: 1 });
  });

  it('needs no decorator, and takes Observables', async () => {
    const reply = await fetch(`${url}/orders/plain/7`, {
      headers: { 'x-correlation-id': 'abc-2' },
    });
    expect(await reply.json()).toEqual({
      id: '7',
      correlationId: 'abc-2',
      headers: { 'x-correlation-id': 'abc-2' },
    });
  });

  it.each([
    ['404', '/nowhere', 404],
    ['403', '/orders/forbidden', 403],
  ])('carries the id on a %s', async (_name, path, status) => {
    const reply = await fetch(url + path, { headers: { 'x-correlation-id': 'abc-3' } });
    expect(reply.status).toBe(status);
    expect(reply.headers.get('x-correlation-id')).toBe('abc-3');
  });

  it.each([
    ['later', 503, 'RETRY_LATER: try again in 250 ms'],
    ['impossible', 422, 'cannot be'],
  ])('answers a signal (%s) with its status', async (path, status, message) => {
    const reply = await fetch(`${url}/orders/${path}`);
    expect(reply.status).toBe(status);
    expect(await reply.json()).toMatchObject({ statusCode: status, message });
  });

  it('is open before guards', async () => {
    await fetch(`${url}/orders/forbidden`, { headers: { 'x-correlation-id': 'abc-4' } });
    expect(seen).toEqual(['abc-4']);
  });

  it('carries the id on a body that is not JSON', async () => {
    const reply = await post('{', { 'x-correlation-id': 'abc-5' });
    expect(reply.status).toBe(400);
    // A testing module gets its HTTP adapter after its providers are made: too late to stand before the body parsers.
    const early = name !== 'express in a testing module';
    expect(reply.headers.get('x-correlation-id')).toBe(early ? 'abc-5' : null);
  });

  it.each([
    ['control characters', 'a\tb'],
    ['more than 128 characters', 'x'.repeat(129)],
    ['nothing', ''],
  ])('makes a new id for one with %s', async (_what, id) => {
    const reply = await fetch(`${url}/orders/plain/1`, { headers: { 'x-correlation-id': id } });
    expect(reply.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('does not believe a tenant or user from outside', async () => {
    await post('{}', { 'x-tenant-id': 't', 'x-user-id': 'u' });
    const reply = await fetch(`${url}/orders/plain/1`, { headers: { 'x-tenant-id': 't' } });
    expect(await reply.json()).toMatchObject({
      headers: expect.not.objectContaining({ 'x-tenant-id': 't' }),
    });
  });

  it.each([
    ['aborts the signal when the client goes away', 'slow'],
    ['has aborted it for who asks only then', 'slow-to-ask'],
  ])('%s', async (_what, path) => {
    const client = new AbortController();
    const running = new Promise<void>((done) => (started = done));
    const reply = fetch(`${url}/orders/${path}`, { signal: client.signal }).catch(
      (error: Error) => error.name,
    );
    await running;
    client.abort();
    expect(await reply).toBe('AbortError');
    await waitFor(() => seen.length === 1);
    expect(seen[0]).toContain('The HTTP client went away');
  });

  it.each([
    ['the connection closes and the deadline passes', 'done-asked'],
    ['somebody asks for the signal only then', 'done'],
  ])('aborts nothing after the answer, although %s', async (_what, path) => {
    const deadline = Date.now() + 60_000;
    const headers = { 'x-deadline': String(deadline) };
    expect((await fetch(`${url}/orders/${path}`, { headers })).status).toBe(200);
    await closed;
    vi.useFakeTimers({ toFake: ['Date'], now: deadline + 1 });
    expect(last?.deadline).toBe(deadline);
    expect(last?.signal.aborted).toBe(false);
  });

  it('keeps a hundred concurrent requests apart', async () => {
    const ids = Array.from({ length: 100 }, (_, index) => `request-${index}`);
    const replies = await Promise.all(
      ids.map(
        async (id) =>
          (await (await post('{}', { 'x-correlation-id': id })).json()) as { charged: string },
      ),
    );
    expect(replies.map(({ charged }) => charged)).toEqual(ids.map((id) => `5 ${id}`));
  });
});
