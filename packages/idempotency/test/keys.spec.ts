import 'reflect-metadata';
import { request } from 'node:http';
import { Controller, Module, Post } from '@nestjs/common';
import { openApp, type OpenedHttpApp } from '@acme/internal-testing';
import { Idempotent, IdempotencyInfo, IdempotencyModule } from '@acme/nest-idempotency';
import { beforeAll, describe, expect, it } from 'vitest';

@Controller()
class Keyed {
  @Idempotent()
  @Post()
  id() {
    return { id: IdempotencyInfo.current()?.id };
  }

  @Idempotent({ keyFrom: [{ payload: 'order.id' }, { header: 'x-request' }] })
  @Post('payload')
  payload() {
    return { id: IdempotencyInfo.current()?.id };
  }
}

@Module({
  imports: [IdempotencyModule.forRoot({ namespace: 'keys', principal: false })],
  controllers: [Keyed],
})
class Keys {}

let app: OpenedHttpApp;
beforeAll(async () => {
  app = await openApp(Keys);
});

/** By hand: `fetch` refuses some of what the world sends. */
const post = (
  headers: Record<string, string | string[]>,
  path = '',
  body = '',
): Promise<{ id?: string; code?: string; message?: string }> =>
  new Promise((done, fail) => {
    const call = request(`${app.url}/${path}`, { method: 'POST', headers }, (reply) => {
      let text = '';
      reply.on('data', (chunk) => (text += String(chunk)));
      reply.on('end', () => done(JSON.parse(text) as { id?: string }));
    });
    call.on('error', fail);
    call.end(body);
  });

const withKey = (key: string | string[]) => post({ 'Idempotency-Key': key });

describe('the Idempotency-Key header', () => {
  it.each([
    ['bare and quoted', 'abc', '"abc"'],
    ['blanks around', 'def', '  def '],
    ['escapes', '"a\\"b\\\\c"', '"a\\"b\\\\c"'],
    ['a comma inside quotes', '"a, b"', ' "a, b" '],
    ['a blank inside', 'a b', '"a b"'],
    ['255 characters', 'x'.repeat(255), `"${'x'.repeat(255)}"`],
  ])('is the same key: %s', async (_what, one, other) => {
    const first = await withKey(one);
    expect(first.id).toMatch(/^[0-9a-f]{64}$/);
    expect(await withKey(other)).toEqual(first);
  });

  it.each([
    ['a list', 'a, b'],
    ['two quoted ones', '"a", "b"'],
    ['sent twice', ['a', 'b']],
    ['an open quote', '"a'],
    ['parameters', '"a";b=1'],
    ['256 characters', 'x'.repeat(256)],
    ['nothing but blanks in quotes', '"  "'],
    ['beyond ASCII', Buffer.from('schlüssel').toString('latin1')],
  ])('is refused: %s', async (_what, key) => {
    expect(await withKey(key)).toMatchObject({ code: 'IDEMPOTENCY_KEY_INVALID' });
  });

  it.each([
    ['empty', ''],
    ['blank', '  '],
  ])('is missing when it is %s', async (_what, key) => {
    expect(await withKey(key)).toMatchObject({ code: 'IDEMPOTENCY_KEY_REQUIRED' });
  });

  it('never comes back in an error', async () => {
    const { message } = await withKey(['very-secret-1', 'very-secret-2']);
    expect(message).not.toContain('very-secret');
  });
});

describe('a key in the payload', () => {
  const json = { 'content-type': 'application/json' };
  const withBody = (body: unknown, headers: object = {}) =>
    post({ ...json, ...headers }, 'payload', JSON.stringify(body));

  it('is text or a whole number at a path, else the next source has it', async () => {
    const text = await withBody({ order: { id: '7' } });
    expect(text).toMatchObject({ id: expect.stringMatching(/^\S{20,}$/) as unknown });
    expect(await withBody({ order: { id: 7 } })).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await withBody({ order: {} }, { 'x-request': 'r' })).toMatchObject({
      id: expect.stringMatching(/^\S{20,}$/) as unknown,
    });
    expect(await withBody({})).toMatchObject({
      code: 'IDEMPOTENCY_KEY_REQUIRED',
      message: expect.stringContaining('"order.id" in the payload, or the header "x-request"'),
    });
  });

  it.each([[1.5], [true], [{}], [['a']], ['x'.repeat(256)], [' ']])(
    'is refused: %j',
    async (id) => {
      expect(await withBody({ order: { id } })).toMatchObject({ code: 'IDEMPOTENCY_KEY_INVALID' });
    },
  );

  it('is never read from a prototype', async () => {
    const reply = await post({ ...json }, 'payload', '{"order":{"__proto__":{"id":"x"}}}');
    expect(reply).toMatchObject({ code: 'IDEMPOTENCY_KEY_REQUIRED' });
  });
});
