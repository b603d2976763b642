import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { ConsumeMessage, Options } from 'amqplib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cloneTable } from '../../src/core/clone-table.js';
import {
  attemptOf,
  countIn,
  hopProperties,
  originOf,
  timeIn,
  type DeliveryLike,
} from '../../src/core/hop-properties.js';

type Headers = Record<string, unknown>;
interface Codec {
  encodeTable(buffer: Buffer, table: object, offset: number): number;
  decodeFields(slice: Buffer): Headers;
}
const required = createRequire(import.meta.url);
const codec = required(join(required.resolve('amqplib'), '../lib/codec.js')) as Codec;
const travelled = (table: object): Headers => {
  const buffer = Buffer.alloc(65_536);
  return codec.decodeFields(buffer.subarray(4, codec.encodeTable(buffer, table, 0)));
};

const delivery = (
  properties: DeliveryLike['properties'],
  fields = { exchange: 'shop', routingKey: 'order.placed' },
): DeliveryLike => ({ fields, properties });

describe('hopProperties', () => {
  it('keeps what the message says of itself, and is always persistent', () => {
    const kept = {
      messageId: 'm-1',
      type: 'order.placed.v1',
      contentType: 'application/json',
      contentEncoding: 'gzip',
      correlationId: 'c-1',
      replyTo: 'amq.rabbitmq.reply-to.g1',
      timestamp: 1_700_000_000,
      appId: 'shop',
      priority: 0,
    };
    const rest = { expiration: '5000', userId: 'guest', clusterId: 'x', deliveryMode: 1 };
    expect(hopProperties(delivery({ ...kept, ...rest, headers: { a: 1 } } as never))).toEqual({
      ...kept,
      headers: { a: 1 },
      persistent: true,
    });
  });

  it('leaves out what is not there or not of the type that amqplib writes', () => {
    const odd = { messageId: undefined, type: 7, timestamp: NaN, priority: 256, appId: null };
    expect(hopProperties(delivery(odd))).toEqual({ headers: {}, persistent: true });
  });

  it('leaves out what the broker notes for itself, and CC and BCC', () => {
    const noted = [
      ...['x-death', 'x-first-death-queue', 'x-first-death-reason', 'x-last-death-exchange'],
      ...['x-delivery-count', 'x-acquired-count', 'CC', 'BCC'],
    ];
    const own = ['x-attempt', 'x-deaths', 'cc', 'traceparent', 'x-error-code', 'ACC'];
    const headers = Object.fromEntries([...noted, ...own].map((name) => [name, 'v']));
    expect(Object.keys(hopProperties(delivery({ headers })).headers)).toEqual(own);
  });

  it('gives headers that may be changed', () => {
    const headers = { nested: { list: [{ a: 1 }] }, bytes: Buffer.from('b') };
    const before = structuredClone(headers);
    const copy = hopProperties(delivery({ headers })).headers as typeof headers & Headers;
    copy['traceparent'] = 'new';
    copy.nested.list[0]!.a = 2;
    copy.nested.list.push({ a: 3 });
    expect(headers).toEqual({ ...before, bytes: headers.bytes });
  });

  it("takes amqplib's delivery and gives its publish options", () => {
    const taken: (message: ConsumeMessage) => Options.Publish = hopProperties;
    expect(taken).toBe(hopProperties);
  });
});

describe('cloneTable', () => {
  it('keeps bytes and typed values as amqplib writes them', () => {
    const table = {
      bytes: Buffer.from([0, 255]),
      at: { '!': 'timestamp', value: 1_700_000_000 },
      price: { '!': 'decimal', value: { places: 2, digits: 1999 } },
      none: null,
      list: [1, 'a', true, [2.5]],
    };
    const copy = cloneTable(table);
    expect(Buffer.isBuffer(copy['bytes'])).toBe(true);
    expect(travelled(copy)).toEqual(travelled(table));
  });

  it('leaves out what cannot be written again', () => {
    const deep: Headers = {};
    for (let at = deep, i = 0; i < 10_000; i++) at = at['in'] = {};
    const odd = [
      ...[NaN, -Infinity, 2 ** 50 + 0.5, undefined, 1n, () => 1, Symbol('s')],
      ...[{ '!': 'bogus', value: 1 }, { '!': 'timestamp', value: 2 ** 64 }, { '!': 'int8' }],
      { '!': 'decimal', value: { places: 1, digits: 'x' } },
    ];
    expect(cloneTable({ odd, ...Object.fromEntries(odd.entries()), kept: 'yes' })).toEqual({
      odd: [],
      kept: 'yes',
    });
    expect(() => travelled(cloneTable({ deep, kept: 'yes' }))).not.toThrow();
  });

  it('takes "!" for a name like any other at the top', () => {
    const table = { '!': 'x', value: 1 };
    expect(travelled(cloneTable(table))).toEqual(table);
  });

  it('ends where a table contains itself', () => {
    const table: Headers = { kept: 'yes' };
    table['self'] = table;
    expect(cloneTable(table)).toMatchObject({ kept: 'yes' });
  });

  it('can be written, whatever was read', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.integer(),
      fc.double(),
      fc.constantFrom(2 ** 50 + 0.5, -(2 ** 63), 2 ** 63, Number.MAX_VALUE),
      fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
      fc.nat().map((value) => ({ '!': 'timestamp', value })),
      // As bytes that another client has sent: amqplib itself would not write these.
      fc.constantFrom({ '!': 'bogus' }, { '!': 'timestamp', value: 1e30 }, NaN),
    );
    const name = fc.oneof(fc.string({ maxLength: 9 }), fc.constant('!'));
    const value = fc.letrec((tie) => ({
      any: fc.oneof({ depthSize: 'small' }, leaf, tie('list'), tie('table')),
      list: fc.array(tie('any'), { maxLength: 3 }),
      table: fc.dictionary(name, tie('any'), { maxKeys: 3 }),
    })).any;
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 4 }), (table) => {
        expect(() => travelled(cloneTable(table))).not.toThrow();
      }),
    );
  });
});

describe('originOf', () => {
  const headers = {
    'x-original-queue': 'orders',
    'x-original-exchange': 'shop',
    'x-original-routing-key': 'order.placed',
  };
  const hop = { exchange: '', routingKey: 'orders' };

  it('is where the broker says, before the first hop', () => {
    expect(originOf(delivery({}), 'orders')).toEqual({
      queue: 'orders',
      exchange: 'shop',
      routingKey: 'order.placed',
    });
    expect(originOf(delivery({ headers: {} }, hop), 'orders')).toEqual({ queue: 'orders', ...hop });
  });

  it('is where the headers say, after a hop', () => {
    const origin = { queue: 'orders', exchange: 'shop', routingKey: 'order.placed' };
    expect(originOf(delivery({ headers }, hop), 'orders.dlq')).toEqual(origin);
    const bytes = Object.fromEntries(
      Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]),
    );
    expect(originOf(delivery({ headers: bytes }, hop), 'orders')).toEqual(origin);
  });

  it('may be the default exchange', () => {
    const direct = { ...headers, 'x-original-exchange': '' };
    expect(originOf(delivery({ headers: direct }, hop), 'orders').exchange).toBe('');
  });

  it('does not believe headers of a message that came through an exchange', () => {
    const copied = originOf(delivery({ headers }, { exchange: 'other', routingKey: 'k' }), 'q');
    expect(copied).toEqual({ queue: 'q', exchange: 'other', routingKey: 'k' });
  });

  it.each([{ 'x-original-queue': 7 }, { 'x-original-queue': '' }, { 'x-original-exchange': 'a' }])(
    'does not believe %j',
    (odd) => {
      expect(originOf(delivery({ headers: odd }, hop), 'orders')).toEqual({
        queue: 'orders',
        ...hop,
      });
    },
  );

  it('falls back to the fields for what the headers do not say', () => {
    const some = { 'x-original-queue': 'orders' };
    expect(originOf(delivery({ headers: some }, hop), 'x')).toEqual({ queue: 'orders', ...hop });
  });
});

describe('attemptOf', () => {
  it.each([
    [undefined, undefined, 1],
    [undefined, 0, 1],
    [undefined, 1, 2],
    [3, undefined, 3],
    [3, 1, 3],
    [3, 3, 4],
    ['3', '4', 5],
    [Buffer.from('3'), undefined, 3],
    [' 3 ', undefined, 3],
    [-1, -1, 1],
    [0, undefined, 1],
    [NaN, Infinity, 1],
    [2.5, 1.5, 1],
    ['three', 'x', 1],
    ['', '', 1],
    [null, null, 1],
    [{ '!': 'timestamp', value: 5 }, [7], 1],
    [2 ** 60, undefined, 1],
  ])('with header %j and count %j is %i', (header, count, attempt) => {
    expect(attemptOf({ 'x-attempt': header }, count)).toBe(attempt);
  });

  it('is 1 without headers', () => {
    expect(attemptOf(undefined)).toBe(1);
  });
});

describe('what else a header says', () => {
  it('counts, from 0', () => {
    expect(countIn({ 'x-deferrals': '4' }, 'x-deferrals')).toBe(4);
    expect(countIn({}, 'x-deferrals')).toBe(0);
    expect(countIn(undefined, 'x-deferrals')).toBe(0);
  });

  it.each([
    ['2026-11-22T00:00:00.000Z', Date.UTC(2026, 10, 22)],
    [Buffer.from('2026-11-22T00:00:00.000Z'), Date.UTC(2026, 10, 22)],
    ['yesterday', undefined],
    [undefined, undefined],
    [{}, undefined],
  ])('time %j is %j', (value, ms) => {
    expect(timeIn({ at: value }, 'at')).toBe(ms);
  });
});
