import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutLines, cutText } from '../../src/core/cut-text.js';
import { failureHeaders, withFailure, type Failure } from '../../src/core/failure-record.js';
import { hostileErrors } from './support/hostile-errors.js';

const NOW = Date.UTC(2026, 10, 22, 12);
const origin = { queue: 'orders', exchange: 'shop', routingKey: 'order.placed' };
const record = (more: Partial<Failure> = {}) =>
  failureHeaders({
    error: new TypeError('No price.'),
    code: 'RETRIES_EXHAUSTED',
    reason: 'The message failed on attempt 5 of 5.',
    attempt: 5,
    firstFailedAt: NOW - 60_000,
    now: NOW,
    origin,
    service: 'billing',
    includeStack: true,
    ...more,
  });

/** As AMQP 0-9-1 writes a field table: every name and text with its length, numbers in eight bytes. */
const amqpBytes = (headers: Record<string, string | number>): number =>
  Object.entries(headers).reduce(
    (sum, [name, value]) =>
      sum +
      2 +
      Buffer.byteLength(name) +
      (typeof value === 'string' ? 4 + Buffer.byteLength(value) : 8),
    4,
  );
const isWellFormed = (value: string | number): boolean => !/[\0\p{Surrogate}]/u.test(String(value));

describe('failureHeaders', () => {
  it('says what happened, since when, where, and where to go back to', () => {
    expect(record()).toEqual({
      'x-attempt': 5,
      'x-first-failed-at': '2026-11-22T11:59:00.000Z',
      'x-last-failed-at': '2026-11-22T12:00:00.000Z',
      'x-error-code': 'RETRIES_EXHAUSTED',
      'x-error-name': 'TypeError',
      'x-error-message': 'No price. (The message failed on attempt 5 of 5.)',
      'x-error-stack': expect.stringMatching(/^TypeError: No price\.\n +at /) as string,
      'x-error-fingerprint': expect.stringMatching(/^[\da-f]{16}$/) as string,
      'x-error-service': 'billing',
      'x-original-queue': 'orders',
      'x-original-exchange': 'shop',
      'x-original-routing-key': 'order.placed',
    });
  });

  it('began now unless it began before', () => {
    const headers = record({ firstFailedAt: undefined });
    expect(headers['x-first-failed-at']).toBe(headers['x-last-failed-at']);
  });

  it('leaves the stack out on request, and where there is none', () => {
    expect(record({ includeStack: false })).not.toHaveProperty('x-error-stack');
    expect(record({ error: 'a text' })).not.toHaveProperty('x-error-stack');
  });

  it.each<[unknown, string, string]>([
    [undefined, 'Why.', 'Why.'],
    [new Error('Because.'), 'Because.', 'Because.'],
    [new Error('Because.'), 'Parked: Because. Look.', 'Because.'],
    [new Error('Because.'), '', 'Because.'],
    ['a text', 'Why.', 'a text (Why.)'],
    [null, 'Why.', 'null (Why.)'],
    [{ status: 409 }, 'Why.', '{ status: 409 } (Why.)'],
    [
      Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }),
      '',
      'AggregateError ECONNREFUSED',
    ],
  ])('of %o and %j tells %j', (error, reason, message) => {
    expect(record({ error, reason })['x-error-message']).toBe(message);
  });

  it('tells the causes as well', () => {
    const cause = new Error('socket closed');
    const stack = record({ error: new Error('no answer', { cause }) })['x-error-stack'];
    expect(stack).toMatch(/^Error: no answer\n[^]+\nCaused by: Error: socket closed\n +at /);
  });

  it('has no name where nothing was thrown', () => {
    expect(record({ error: undefined })).not.toHaveProperty('x-error-name');
    expect(record({ error: Object.create({ constructor: class Odd {} }) })).toMatchObject({
      'x-error-name': 'Odd',
    });
  });

  it('keeps frames beside a message of any length', () => {
    const stack = record({ error: new Error('x'.repeat(100_000)) })['x-error-stack'];
    expect(stack).toMatch(/\n +at .*failure-record\.internal\.spec/);
    const wide = record({ error: new Error('😀'.repeat(1_000)) })['x-error-stack'];
    expect(wide).toMatch(/\n +at .*failure-record\.internal\.spec/);
  });

  it('cuts the stack at the end of a line', () => {
    const error = new Error('x');
    error.stack = `Error: x\n${'    at f (file.js:1:1)\n'.repeat(1_000)}`;
    const stack = String(record({ error })['x-error-stack']);
    expect(Buffer.byteLength(stack)).toBeGreaterThan(3_500);
    expect(stack).toMatch(/\n {4}at f \(file\.js:1:1\)$/);
  });

  it('keeps to 6 KiB with everything at its longest, and cuts no name that AMQP allows', () => {
    const long = 'q'.repeat(255);
    const error = new Error('m'.repeat(9_999));
    error.name = 'N'.repeat(9_999);
    error.stack = '    at f (file.js:1:1)\n'.repeat(9_999);
    const headers = record({
      error,
      code: 'C'.repeat(9_999),
      service: 's'.repeat(9_999),
      origin: { queue: long, exchange: long, routingKey: long },
    });
    expect(headers).toMatchObject({ 'x-original-queue': long, 'x-original-routing-key': long });
    expect(amqpBytes(headers)).toBeLessThanOrEqual(6_144);
    expect(Buffer.byteLength(String(headers['x-error-message']))).toBeLessThanOrEqual(1_024);
    expect(Buffer.byteLength(String(headers['x-error-stack']))).toBeGreaterThan(2_500);
  });

  it.each(hostileErrors())('does not throw for %s', (_, thrown) => {
    const headers = record({ error: thrown() });
    expect(amqpBytes(headers)).toBeLessThanOrEqual(6_144);
    expect(Object.values(headers).every(isWellFormed)).toBe(true);
    expect(headers['x-error-message']).not.toBe('');
  });

  it('does not throw for numbers that are none', () => {
    const headers = record({ now: NaN, firstFailedAt: Infinity, attempt: NaN });
    expect(headers).toMatchObject({ 'x-attempt': 1 });
    expect(headers).not.toHaveProperty('x-first-failed-at');
    expect(record({ firstFailedAt: NaN })['x-first-failed-at']).toBe('2026-11-22T12:00:00.000Z');
  });

  it('keeps to its limits whatever was thrown', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 50 }),
      fc
        .tuple(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), fc.nat(3_000))
        .map(([part, times]) => part.repeat(times)),
      fc.constantFrom('\ud83d', '\ude00', '\0', '\n'.repeat(5_000), `\ud83d${'\0'.repeat(1_500)}`),
    );
    const error = fc.oneof(
      fc.anything(),
      fc.record({ name: text, message: text, stack: text, code: text }),
    );
    fc.assert(
      fc.property(error, text, text, (thrown, reason, name) => {
        const headers = record({
          error: thrown,
          reason,
          code: name,
          service: name,
          origin: { queue: name, exchange: name, routingKey: name },
        });
        expect(amqpBytes(headers)).toBeLessThanOrEqual(6_144);
        expect(Object.values(headers).every(isWellFormed)).toBe(true);
      }),
    );
  });
});

describe('withFailure', () => {
  it('replaces the record of an earlier failure, and nothing else', () => {
    const before = { 'x-error-stack': 'old', 'x-error-code': 'OLD', 'x-error-budget': 1, a: 2 };
    const record = { 'x-error-code': 'NEW', 'x-attempt': 2 };
    expect(withFailure(before, record)).toEqual({ 'x-error-budget': 1, a: 2, ...record });
    expect(before).toHaveProperty('x-error-code', 'OLD');
  });
});

describe('cutText', () => {
  it.each([
    ['abc', 3, 'abc'],
    ['abcd', 3, '…'],
    ['abcdef', 5, 'ab…'],
    ['abcdef', 2, ''],
    ['aé', 3, 'aé'],
    ['éééé', 6, 'é…'],
    ['a😀b', 6, 'a😀b'],
    ['a😀bc', 6, 'a…'],
    ['', 0, ''],
    ['a', 0, ''],
    ['a\0b\ud83d', 9, 'a\uFFFDb\uFFFD'],
  ])('%j in %i bytes is %j', (text, bytes, cut) => {
    expect(cutText(text, bytes)).toBe(cut);
  });

  it('fits, and begins as the text does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(60), (text, bytes) => {
        const cut = cutText(text, bytes);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(bytes);
        const whole = text.replace(/[\0\p{Surrogate}]/gu, '\uFFFD');
        expect(cut === whole || whole.startsWith(cut.replace(/…$/, ''))).toBe(true);
      }),
    );
  });
});

describe('cutLines', () => {
  it.each([
    ['ab\ncd\nef', 8, 'ab\ncd\nef'],
    ['ab\ncd\nef', 7, 'ab\ncd'],
    ['ab\ncd\nef', 5, 'ab\ncd'],
    ['ab\ncd\nef', 4, 'ab'],
    ['abcdef\ng', 5, 'ab…'],
    ['é\né', 4, 'é'],
  ])('%j in %i bytes is %j', (text, bytes, cut) => {
    expect(cutLines(text, bytes)).toBe(cut);
  });
});
