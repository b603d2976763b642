import { createRequire } from 'node:module';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failureHeaders } from '../../src/core/failure-record.js';
import { parkHeaders, retryHeaders } from '../../src/core/fit-headers.js';
import { sizeOfHeaders } from '../../src/core/headers-size.js';

const required = createRequire(import.meta.url);
const codec = required(join(required.resolve('amqplib'), '../lib/codec.js')) as {
  encodeTable(buffer: Buffer, table: object, offset: number): number;
};
const into = Buffer.alloc(1_024 * 1_024);
/** On the wire. */
const bytesOf = (headers: object): number => codec.encodeTable(into, headers, 0);

const record = (text = 'short') => {
  const error = new Error(text);
  error.stack = `Error: ${text}\n${'    at f (file.js:1:1)\n'.repeat(500)}`;
  return failureHeaders({
    error,
    code: 'RETRIES_EXHAUSTED',
    reason: 'The message failed on attempt 5 of 5.',
    attempt: 5,
    now: Date.UTC(2026, 10, 22),
    origin: { queue: 'orders', exchange: 'shop', routingKey: 'order.placed' },
    service: 'billing',
    includeStack: true,
  });
};
const own = (bytes: number) => ({ 'x-own': 'o'.repeat(bytes), 'x-tenant-id': 't-1' });

describe('headers of a parked message', () => {
  it('are its own and the whole record where there is room', () => {
    expect(parkHeaders(own(1_000), record())).toEqual({ ...own(1_000), ...record() });
  });

  it('have whole lines of the stack as far as there is room', () => {
    const headers = parkHeaders(own(61_000), record());
    const { 'x-error-stack': stack, ...others } = record();
    expect(headers).toMatchObject({ ...own(61_000), ...others });
    expect(String(headers['x-error-stack'])).toMatch(/^Error: short\n[^]+ at f \(file\.js:1:1\)$/);
    expect(String(headers['x-error-stack']).length).toBeLessThan(String(stack).length);
  });

  it('are without the largest of its own where that is not enough, and say which', () => {
    const headers = parkHeaders(own(65_000), record());
    expect(headers).not.toHaveProperty('x-own');
    expect(headers).toMatchObject({
      'x-tenant-id': 't-1',
      'x-attempt': 5,
      'x-error-message': expect.stringMatching(
        /^Left out.* bytes at most: x-own\. short/,
      ) as string,
      'x-error-stack': record()['x-error-stack'],
    });
  });
});

describe('headers of a message that is retried', () => {
  it('have the record as far as the next attempt needs it, where there is no room for more', () => {
    expect(retryHeaders(own(1_000), record())).toMatchObject({
      'x-error-code': 'RETRIES_EXHAUSTED',
    });
    const headers = retryHeaders(own(64_000), record('m'.repeat(1_000)));
    expect(headers).toMatchObject({ ...own(64_000), 'x-attempt': 5, 'x-original-queue': 'orders' });
    expect(headers).not.toHaveProperty('x-error-code');
  });

  it('are none where there is no room for that', () => {
    expect(retryHeaders(own(64_400), record())).toBeUndefined();
  });
});

describe('the limit of amqplib', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc
      .tuple(fc.constantFrom('x', 'ü', '😀'), fc.nat(40_000))
      .map(([one, times]) => one.repeat(times)),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.nat(40_000).map((length) => Buffer.alloc(length)),
    fc.array(fc.string({ maxLength: 2_000 }), { maxLength: 50 }),
    // `!` is amqplib's notation of types; a clone has none that it could not encode.
    fc.dictionary(
      fc.string({ maxLength: 50 }).filter((key) => key !== '!'),
      fc.array(fc.boolean(), { maxLength: 2_000 }),
    ),
    fc.date({ noInvalidDate: true }).map((date) => ({
      '!': 'timestamp',
      value: Math.abs(date.getTime()),
    })),
  );
  const name = fc.string({ minLength: 1, maxLength: 60 });
  const headers = fc.dictionary(name, value, { maxKeys: 12, noNullPrototype: true });
  const text = fc.nat(3_000).map((length) => 'm'.repeat(length));

  it('is kept whatever a message carries, with room for what instrumentation adds', () => {
    fc.assert(
      fc.property(headers, text, (carried, said) => {
        expect(bytesOf(carried)).toBeLessThanOrEqual(sizeOfHeaders(carried));
        const parked = parkHeaders(carried, record(said));
        expect(bytesOf(parked)).toBeLessThanOrEqual(64 * 1_024 - 1_024);
        expect(parked).toMatchObject({ 'x-attempt': 5, 'x-error-code': 'RETRIES_EXHAUSTED' });
        const retried = retryHeaders(carried, record(said));
        expect(bytesOf(retried ?? {})).toBeLessThanOrEqual(64 * 1_024 - 1_024);
      }),
    );
  });
});
