import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { Module } from '@nestjs/common';
import { openContext } from '@acme/internal-testing';
import {
  IdempotencyModule,
  IdempotencyService,
  InMemoryIdempotencyStore,
  type EncryptionOptions,
  type RunIdempotentOptions,
} from '@acme/nest-idempotency';
import { beforeEach, describe, expect, it } from 'vitest';
import { recordedStore } from './support/recorded-store.js';

const [older, newer] = [randomBytes(32), randomBytes(32)];
const CARD = { card: 'VISA-1234', at: new Date(0), big: 1n };

let store: ReturnType<typeof recordedStore>;

beforeEach(() => {
  store = recordedStore();
});

/** A process on the same store; each answers with the stored result, or with what its own function returns. */
const process = async (encryption?: EncryptionOptions, options: object = {}) => {
  @Module({
    imports: [
      IdempotencyModule.forRoot({ namespace: 'x', store: store.store, encryption, ...options }),
    ],
  })
  class App {}
  const { app, log, close } = await openContext(App);
  const service = app.get(IdempotencyService);
  const run = <R>(result: R, more: Partial<RunIdempotentOptions> = {}): Promise<R> =>
    service.run('k', async () => result, { name: 'n', ...more });
  return { run, log, close };
};

/** As stored: what has the form of a sealed or a plain reply. */
const replies = (): string[] => store.texts.filter((text) => /^(sealed|\{)/.test(text));

describe('an encrypted reply', () => {
  it('is replayed, and shows nothing in the store but the id of its key', async () => {
    const { run } = await process({ key: older, id: '2026-11' });
    expect(await run(CARD)).toEqual(CARD);
    expect(await run({ ran: 'again' } as never)).toEqual(CARD);
    const [sealed, ...others] = replies();
    expect(others).toEqual([]);
    expect(sealed).toMatch(/^sealed-1:2026-11:[\w-]+$/);
    expect(Buffer.from(sealed!.split(':')[2]!, 'base64url').toString('latin1')).not.toContain(
      'VISA',
    );
  });

  it('looks different every time', async () => {
    const { run } = await process({ key: older });
    await run(CARD, { principal: 'a' });
    await run(CARD, { principal: 'b' });
    expect(new Set(replies()).size).toBe(2);
  });

  it.each<[string, EncryptionOptions, EncryptionOptions]>([
    [
      'a key that has become a previous one',
      { key: older },
      { key: newer, previous: [{ key: older }] },
    ],
    ['a key that is to come', { key: newer }, { key: older, previous: [{ key: newer }] }],
    [
      'a key with an id',
      { key: older, id: 'a' },
      { key: newer, id: 'b', previous: [{ key: older, id: 'a' }] },
    ],
    ['a key in base64', { key: older.toString('base64') }, { key: older }],
    ['a key in base64url', { key: older.toString('base64url') }, { key: older }],
    [
      'a key in hexadecimal',
      { key: older.toString('hex') },
      { key: older.toString('hex').toUpperCase() },
    ],
  ])('is readable to whoever has %s', async (_what, first, second) => {
    await (await process(first)).run(CARD);
    expect(await (await process(second)).run({ ran: 'again' } as never)).toEqual(CARD);
  });

  it('was in the clear before there was a key, and stays readable', async () => {
    await (await process()).run(CARD);
    expect(replies().join()).toContain('VISA');
    expect(await (await process({ key: older })).run({ ran: 'again' } as never)).toEqual(CARD);
  });

  it.each<[string, EncryptionOptions | undefined, RegExp]>([
    [
      'without its key',
      { key: newer, id: 'b' },
      /sealed with the key "a", and only "b" are configured.*encryption\.previous/,
    ],
    ['without any', undefined, /sealed with the key "a", and no encryption is configured/],
    ['with another key of the same id', { key: newer, id: 'a' }, /does not open with the key "a"/],
  ])('is never taken for missing: %s', async (_what, encryption, cause) => {
    await (await process({ key: older, id: 'a' })).run(CARD);
    const { run, log } = await process(encryption);
    await expect(run(CARD)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_RECORD_UNREADABLE',
      message: expect.not.stringMatching(/"a"/) as string,
      cause: expect.objectContaining({ message: expect.stringMatching(cause) as string }) as Error,
    });
    expect(log.messages('error').join()).toMatch(cause);
  });

  it('cannot be moved to another record', async () => {
    const moved = new (class extends InMemoryIdempotencyStore {
      override settle(...[request, , ttlMs]: Parameters<InMemoryIdempotencyStore['settle']>) {
        return super.settle(request, replies()[0], ttlMs);
      }
    })();
    const one = await process({ key: older });
    await one.run(CARD, { principal: 'ann' });
    const { run } = await process({ key: older }, { store: moved });
    await run({ card: 'of bob' }, { principal: 'bob' });
    await expect(run({} as never, { principal: 'bob' })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_RECORD_UNREADABLE',
    });
  });

  it.each([
    ['is damaged', 'sealed-1:a:!'],
    ['is cut off', 'sealed-1:a:AAAA'],
    ['is of a later version', 'sealed-2:a:AAAA'],
  ])('is not replayed where it %s', async (_what, text) => {
    const damaged = new (class extends InMemoryIdempotencyStore {
      override settle(...[request, , ttlMs]: Parameters<InMemoryIdempotencyStore['settle']>) {
        return super.settle(request, text, ttlMs);
      }
    })();
    const { run } = await process({ key: older, id: 'a' }, { store: damaged });
    await run(CARD);
    await expect(run(CARD)).rejects.toMatchObject({ code: 'IDEMPOTENCY_RECORD_UNREADABLE' });
  });

  it('says that it was not kept, and that there is none, without a key', async () => {
    const { run } = await process({ key: older });
    await run(() => 1);
    await run(undefined, { name: 'void' });
    const later = await process({ key: newer });
    await expect(later.run(1)).rejects.toMatchObject({ code: 'IDEMPOTENCY_REPLY_NOT_KEPT' });
    expect(await later.run(1 as never, { name: 'void' })).toBeUndefined();
  });
});

it('reports every key that cannot be used, and shows none of them', async () => {
  const secret = 'correct horse battery staple, 32';
  const encryption = {
    key: secret,
    id: 'with spaces',
    cipher: 'rot13',
    previous: [{ key: randomBytes(16) }, 'AAAA', { key: older, id: 'a' }],
  };
  const opening = process(encryption as never);
  await expect(opening).rejects.toMatchObject({
    problems: [
      expect.stringMatching(/^encryption\.cipher: there is no such option/),
      expect.stringMatching(/^encryption\.key: it is not 32 bytes\..*openssl rand -base64 32/),
      expect.stringMatching(/^encryption\.id: /),
      expect.stringMatching(/^encryption\.previous\[0\]\.key: it is not 32 bytes/),
      expect.stringMatching(/^encryption\.previous\[1\]: /),
    ],
  });
  await expect(opening).rejects.not.toThrow(/correct horse|AAAA/);
});

it.each<[string, unknown, RegExp]>([
  [
    'two keys with one id',
    { key: older, id: 'a', previous: [{ key: newer, id: 'a' }] },
    /two keys have the id "a"/,
  ],
  [
    'one key twice',
    { key: older, previous: [{ key: older.toString('hex') }] },
    /two keys have the id/,
  ],
  [
    'a list that is none',
    { key: older, previous: { key: newer } },
    /encryption\.previous: it is no list/,
  ],
  ['a key alone', older.toString('hex'), /encryption: it is no object/],
])('refuses %s', async (_what, encryption, problem) => {
  await expect(process(encryption as never)).rejects.toThrow(problem);
});

describe('maxReplySize', () => {
  const NOT_KEPT = { code: 'IDEMPOTENCY_REPLY_NOT_KEPT' };
  /** As JSON, `{"body":"…"}`: 11 characters around it. */
  const of = (bytes: number): string => 'x'.repeat(bytes - 11);

  it.each([
    ['the default', undefined, 262_144],
    ['its own', 1_000, 1_000],
  ])('is %s to the byte', async (_what, maxReplySize, cap) => {
    const { run } = await process(undefined, { maxReplySize });
    expect(await run(of(cap))).toBe(of(cap));
    expect(await run('again')).toBe(of(cap));
    expect(await run(of(cap + 1), { name: 'larger' })).toBe(of(cap + 1));
    await expect(run('again', { name: 'larger' })).rejects.toMatchObject(NOT_KEPT);
  });

  it('counts bytes and not characters, and not what encryption adds', async () => {
    const { run } = await process({ key: older }, { maxReplySize: 31 });
    await run('ü'.repeat(10));
    expect(await run('again')).toBe('ü'.repeat(10));
    await run('ü'.repeat(11), { name: 'larger' });
    await expect(run('again', { name: 'larger' })).rejects.toMatchObject(NOT_KEPT);
  });

  it('may be another one for one piece of code', async () => {
    const { run } = await process(undefined, { maxReplySize: 20 });
    await run(of(100), { maxReplySize: 100 });
    expect(await run('again', { maxReplySize: 100 })).toBe(of(100));
  });

  it('is said once for every handler, with the size and the remedy', async () => {
    const { run, log } = await process(undefined, { maxReplySize: 20 });
    await run(of(21), { principal: 'a' });
    await run(of(22), { principal: 'b' });
    await run(of(23), { name: 'other' });
    expect(log.messages('error')).toEqual([
      expect.stringMatching(
        /^n returned a reply of 21 bytes, and no more than 20 are kept.*raise maxReplySize/,
      ),
      expect.stringMatching(/^other returned a reply of 23 bytes/),
    ]);
  });

  it.each([0, -1, 1.5, '1kb', Number.NaN])('cannot be %s', async (maxReplySize) => {
    await expect(process(undefined, { maxReplySize })).rejects.toThrow(
      /maxReplySize: .* is no number of bytes/,
    );
  });
});
