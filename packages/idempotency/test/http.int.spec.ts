import 'reflect-metadata';
import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Module,
  Param,
  Post,
  Req,
  Res,
  BadRequestException,
  StreamableFile,
  type PipeTransform,
} from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { openApp, testRedis, waitFor, type OpenedHttpApp } from '@acme/internal-testing';
import { Idempotent, IdempotencyModule, RedisIdempotencyStore } from '@acme/nest-idempotency';
import { of } from 'rxjs';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

const runs: string[] = [];
const times = (by: string): number => runs.filter((one) => one === by).length;
let release: (() => void) | undefined;

class NeedsNumber implements PipeTransform {
  transform(value: { n?: unknown }): unknown {
    if (typeof value?.n !== 'number') throw new BadRequestException('n must be a number');
    return { ...value, defaulted: true };
  }
}

class Entity {
  readonly id = 1;
  readonly secret = 'do not show';
}

interface Passthrough {
  status(code: number): unknown;
  header(name: string, value: string): unknown;
}

@Controller()
class Orders {
  @Idempotent()
  @Post('orders')
  @Header('etag', '"static"')
  async place(
    @Body(NeedsNumber) body: { n: number },
    @Res({ passthrough: true }) reply: Passthrough,
  ) {
    runs.push('place');
    reply.status(202);
    reply.header('location', `/orders/${times('place')}`);
    reply.header('set-cookie', 'a=b');
    return { number: times('place'), n: body.n, at: new Date(0), big: undefined };
  }

  @Idempotent()
  @Post('accepted')
  accepted(@Res({ passthrough: true }) reply: Passthrough): void {
    runs.push('accepted');
    reply.status(202);
    reply.header('location', '/jobs/1');
  }

  @Idempotent()
  @Post('orders/:id/pay')
  pay(@Param('id') id: string) {
    runs.push('pay');
    return { id };
  }

  @Idempotent()
  @Post('void')
  @HttpCode(204)
  nothing(): void {
    runs.push('void');
  }

  @Post('observable')
  @Idempotent()
  observable() {
    runs.push('observable');
    return of({ one: 1 });
  }

  @Idempotent()
  @Post('slow')
  async slow() {
    runs.push('slow');
    await new Promise<void>((done) => (release = done));
    return { slow: true };
  }

  @Idempotent()
  @Post('fails')
  fails(): never {
    runs.push('fails');
    throw new Error('boom');
  }

  @Idempotent({ serialize: (entity) => ({ id: (entity as Entity).id }) })
  @Post('entity')
  entity() {
    runs.push('entity');
    return new Entity();
  }

  @Idempotent()
  @Post('raw-entity')
  rawEntity() {
    runs.push('raw-entity');
    return new Entity();
  }

  @Idempotent()
  @Post('file')
  file() {
    runs.push('file');
    return new StreamableFile(Buffer.from('file'));
  }

  @Idempotent()
  @Post('by-hand')
  byHand(
    @Req() request: { readonly res?: { status(code: number): { send(text: string): void } } },
  ) {
    runs.push('by-hand');
    request.res?.status(202).send('by hand');
  }

  @Idempotent({ required: false })
  @Post('optional')
  optional() {
    runs.push('optional');
    return { run: times('optional') };
  }

  // Ids of users are numbers as often as texts.
  @Idempotent({
    principal: ({ message }) => {
      const user = message.headers.get('x-user');
      return user === '7' ? Number(user) : user;
    },
  })
  @Post('mine')
  mine() {
    runs.push('mine');
    return { run: times('mine') };
  }
}

@Idempotent()
@Controller('classy')
class Classy {
  @Get()
  read() {
    return { run: runs.push('read') };
  }

  @Post()
  write() {
    runs.push('write');
    return { run: times('write') };
  }
}

describe.each(['express', 'fastify'] as const)('@Idempotent() on HTTP, %s, Redis', (platform) => {
  let app: OpenedHttpApp;
  const keys = { last: 0 };

  beforeAll(async () => {
    const redis = await testRedis();
    @Module({
      imports: [
        IdempotencyModule.forRoot({
          namespace: `shop-${platform}`,
          store: new RedisIdempotencyStore(redis.client, { prefix: redis.prefix }),
          principal: false,
        }),
      ],
      controllers: [Orders, Classy],
    })
    class Shop {}
    app = await openApp(Shop, platform === 'fastify' ? { adapter: new FastifyAdapter() } : {});
  });

  beforeEach(() => {
    runs.length = 0;
    keys.last += 1;
  });

  const key = (): string => `key-${keys.last}`;
  const post = async (
    path: string,
    body: unknown = { n: 1 },
    headers: Record<string, string> = { 'idempotency-key': key() },
  ) => {
    const reply = await fetch(`${app.url}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const text = await reply.text();
    return {
      reply,
      status: reply.status,
      text,
      json: text ? (JSON.parse(text) as unknown) : undefined,
    };
  };

  it('replays status, headers and body of a completed call', async () => {
    const first = await post('orders');
    const second = await post('orders', { n: 1 }, { 'idempotency-key': `"${key()}"` });
    expect(first.status).toBe(202);
    expect(first.json).toEqual({ number: 1, n: 1, at: '1970-01-01T00:00:00.000Z' });
    expect(first.reply.headers.get('idempotent-replayed')).toBeNull();
    expect(second.status).toBe(202);
    expect(second.text).toBe(first.text);
    expect(second.reply.headers.get('idempotent-replayed')).toBe('true');
    expect(second.reply.headers.get('location')).toBe('/orders/1');
    expect(second.reply.headers.get('etag')).toBe('"static"');
    expect(second.reply.headers.get('set-cookie')).toBeNull();
    expect(times('place')).toBe(1);
  });

  it('replays nothing as nothing, with its status', async () => {
    expect((await post('void')).status).toBe(204);
    const second = await post('void');
    expect([second.status, second.text]).toEqual([204, '']);
    expect(times('void')).toBe(1);
  });

  it('replays the value of an Observable', async () => {
    const first = await post('observable');
    expect((await post('observable')).json).toEqual(first.json);
    expect(first.json).toEqual({ one: 1 });
    expect(times('observable')).toBe(1);
  });

  it('refuses the same key with another request, also one whose path differs', async () => {
    await post('orders', { n: 1, m: 2 });
    expect((await post('orders', { m: 2, n: 1 })).status).toBe(202);
    expect(await post('orders', { n: 2 })).toMatchObject({
      status: 422,
      json: { statusCode: 422, code: 'IDEMPOTENCY_KEY_REUSED' },
    });
    await post('orders/1/pay');
    expect((await post('orders/2/pay')).status).toBe(422);
    expect(runs).toEqual(['place', 'pay']);
  });

  it('claims after validation: an invalid body does not use up the key', async () => {
    expect((await post('orders', { n: 'one' })).status).toBe(400);
    expect((await post('orders', { n: 1 })).status).toBe(202);
  });

  it('refuses a missing key, a list of keys and one that is too long', async () => {
    expect(await post('orders', { n: 1 }, {})).toMatchObject({
      status: 400,
      json: { code: 'IDEMPOTENCY_KEY_REQUIRED' },
    });
    expect(await post('orders', { n: 1 }, { 'idempotency-key': 'a, b' })).toMatchObject({
      status: 400,
      json: { code: 'IDEMPOTENCY_KEY_INVALID' },
    });
    const long = await post('orders', { n: 1 }, { 'idempotency-key': 'x'.repeat(256) });
    expect(long.status).toBe(400);
    expect(runs).toEqual([]);
  });

  it('refuses a duplicate of a running call with 409, and a different request with 422 even then', async () => {
    const running = post('slow');
    await waitFor(() => release);
    const duplicate = await post('slow');
    expect(duplicate).toMatchObject({ status: 409, json: { code: 'IDEMPOTENCY_KEY_IN_USE' } });
    expect(duplicate.reply.headers.get('retry-after')).toBe('1');
    expect((await post('slow', { n: 2 })).status).toBe(422);
    release?.();
    release = undefined;
    expect((await running).json).toEqual({ slow: true });
    expect((await post('slow')).json).toEqual({ slow: true });
    expect(times('slow')).toBe(1);
  });

  it('runs again after a failure', async () => {
    expect((await post('fails')).status).toBe(500);
    expect((await post('fails')).status).toBe(500);
    expect(times('fails')).toBe(2);
  });

  it('stores what the serializer leaves, and never a class instance', async () => {
    expect((await post('entity')).json).toEqual({ id: 1 });
    expect((await post('entity')).json).toEqual({ id: 1 });
    expect(times('entity')).toBe(1);
    expect(await post('raw-entity')).toMatchObject({
      status: 500,
      json: { code: 'IDEMPOTENCY_RESULT_NOT_PLAIN' },
    });
    expect(await post('raw-entity')).toMatchObject({
      status: 409,
      json: { code: 'IDEMPOTENCY_REPLY_NOT_KEPT' },
    });
    expect(times('raw-entity')).toBe(1);
  });

  it('lets a file through once, refuses its duplicates, and says so once', async () => {
    const file = (name: string) =>
      fetch(`${app.url}/file`, { method: 'POST', headers: { 'idempotency-key': name } });
    expect(await (await file(key())).text()).toBe('file');
    const duplicate = await file(key());
    expect(duplicate.status).toBe(409);
    expect(await duplicate.json()).toMatchObject({ code: 'IDEMPOTENCY_REPLY_NOT_KEPT' });
    expect(await (await file(`${key()}-b`)).text()).toBe('file');
    expect(times('file')).toBe(2);
    const warnings = app.log.entries.filter(({ message }) => String(message).includes('a stream'));
    expect(warnings).toHaveLength(1);
  });

  it.each(platform === 'express' ? ['its request'] : [])(
    'refuses the duplicate of what was answered by way of %s: nobody knows what was sent',
    async () => {
      const byHand = () =>
        fetch(`${app.url}/by-hand`, { method: 'POST', headers: { 'idempotency-key': key() } });
      const first = await byHand();
      expect([first.status, await first.text()]).toEqual([202, 'by hand']);
      await waitFor(async () => {
        const again = await byHand();
        return ((await again.json()) as { code: string }).code === 'IDEMPOTENCY_REPLY_NOT_KEPT';
      });
      expect(times('by-hand')).toBe(1);
    },
  );

  it('runs a call without a key where none is required', async () => {
    expect((await post('optional', {}, {})).json).toEqual({ run: 1 });
    expect((await post('optional', {}, {})).json).toEqual({ run: 2 });
  });

  it('replays status and headers of a reply without a body', async () => {
    const [first, again] = [await post('accepted'), await post('accepted')];
    for (const { status, reply } of [first, again])
      expect([status, reply.headers.get('location')]).toEqual([202, '/jobs/1']);
    expect(again.reply.headers.get('idempotent-replayed')).toBe('true');
    expect(times('accepted')).toBe(1);
  });

  it('keeps callers apart, and refuses nobody', async () => {
    const as = (user: string) => post('mine', {}, { 'idempotency-key': key(), 'x-user': user });
    expect((await as('ann')).json).toEqual({ run: 1 });
    expect((await as('bob')).json).toEqual({ run: 2 });
    expect((await as('ann')).json).toEqual({ run: 1 });
    expect((await as('7')).json).toEqual({ run: 3 });
    expect((await as('7')).json).toEqual({ run: 3 });
    expect((await post('mine')).status).toBe(401);
  });

  it('protects every handler of a class but the safe methods', async () => {
    const read = async () => (await fetch(`${app.url}/classy`)).json() as Promise<{ run: number }>;
    expect((await read()).run).toBeLessThan((await read()).run);
    expect((await post('classy')).json).toEqual({ run: 1 });
    expect((await post('classy')).json).toEqual({ run: 1 });
  });
});
