import 'reflect-metadata';
import { Readable } from 'node:stream';
import { Controller, HttpCode, Module, Post } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { openApp, type OpenedHttpApp } from '@acme/internal-testing';
import { Idempotent, IdempotencyModule, InMemoryIdempotencyStore } from '@acme/nest-idempotency';
import { beforeAll, describe, expect, it } from 'vitest';

let runs = 0;
let value: unknown;

@Controller()
class Values {
  @Post('plain')
  plain(): unknown {
    return value;
  }

  @Idempotent()
  @Post('kept')
  kept(): unknown {
    runs += 1;
    return value;
  }

  @HttpCode(202)
  @Idempotent()
  @Post('accepted')
  accepted(): unknown {
    return value;
  }
}

describe.each(['express', 'fastify'] as const)('on the wire, %s, a replay is', (platform) => {
  let app: OpenedHttpApp;

  beforeAll(async () => {
    @Module({
      imports: [
        IdempotencyModule.forRoot({
          namespace: 'wire',
          store: new InMemoryIdempotencyStore(),
          principal: false,
        }),
      ],
      controllers: [Values],
    })
    class App {}
    app = await openApp(App, platform === 'fastify' ? { adapter: new FastifyAdapter() } : {});
  });

  const post = async (path: string, key: string) => {
    const headers = { 'idempotency-key': key };
    const reply = await fetch(`${app.url}/${path}`, { method: 'POST', headers });
    return {
      status: reply.status,
      type: reply.headers.get('content-type'),
      bytes: Buffer.from(await reply.arrayBuffer()).toString('latin1'),
    };
  };

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['false', false],
    ['zero', 0],
    ['an empty text', ''],
    ['a text', 'hello'],
    ['a text that is JSON', '{"a":1}'],
    ['an object', { at: new Date(0), none: undefined, list: [undefined, null, Number.NaN] }],
    ['a list', [1, 'two']],
    ['bytes', Buffer.from([0, 1, 254, 255])],
    ['what JSON has no form for', { map: new Map([[1, 2]]), set: new Set([1]), minus: -0 }],
  ])('the first reply, byte for byte: %s', async (what, result) => {
    value = result;
    runs = 0;
    const plain = await post('plain', what);
    expect(await post('kept', what)).toEqual(plain);
    expect(await post('kept', what)).toEqual(plain);
    expect(await post('accepted', what)).toEqual({ ...plain, status: 202 });
    expect(await post('accepted', what)).toEqual({ ...plain, status: 202 });
    expect(runs).toBe(1);
  });

  it('refused where the first reply was a stream, and nothing is stuck', async () => {
    value = Readable.from([Buffer.from('st'), Buffer.from('ream')]);
    // What goes out is the adapter's affair: Nest 11 with Express writes the object itself.
    expect(await post('kept', 'stream')).toMatchObject({ status: 201 });
    expect(await post('kept', 'stream')).toMatchObject({ status: 409 });
    const warnings = app.log.messages('warn').filter((text) => text.includes('a stream'));
    expect(warnings).toHaveLength(1);
  });
});
