import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  metadataKeyProblem,
  reasonFromClassName,
  reasonProblem,
} from '../../src/core/text/error-reason.js';
import { statusMessage } from '../../src/core/text/status-message.js';

const anyUnit = fc.array(
  fc.oneof(
    fc.integer({ min: 0, max: 0xffff }),
    fc.integer({ min: 0xd800, max: 0xdfff }),
    fc.nat(0x7f),
  ),
  { maxLength: 300 },
);
const anyText = anyUnit.map((units) => String.fromCharCode(...units));

describe('the message of a status', () => {
  it('is always one that gRPC can carry', () => {
    fc.assert(
      fc.property(anyText, fc.nat(400), (text, maxBytes) => {
        const message = statusMessage(text, maxBytes);
        expect(message.isWellFormed()).toBe(true);
        expect(() => encodeURI(message)).not.toThrow();
        expect(message).not.toContain('\0');
        expect(Buffer.byteLength(message)).toBeLessThanOrEqual(maxBytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it('consists of the beginning and the end of a text that is too long, and of no half character', () => {
    const whole = fc
      .string({ unit: 'binary', minLength: 30 })
      .map((text) => text.replaceAll(/[\0\ufffd…]/g, ''));
    fc.assert(
      fc.property(whole, fc.integer({ min: 20, max: 90 }), (text, maxBytes) => {
        const message = statusMessage(text, maxBytes);
        const length = Buffer.byteLength(text);
        expect(message === text).toBe(length <= maxBytes);
        const [head = '', tail = ''] = message.split(length > maxBytes ? ' … ' : text);
        expect(text.startsWith(head)).toBe(true);
        expect(text.endsWith(tail)).toBe(true);
        // Three bytes of a character that is cut may be missing at either side.
        expect(Buffer.byteLength(message)).toBeGreaterThanOrEqual(Math.min(length, maxBytes - 6));
      }),
    );
  });

  it.each<[unknown, string]>([
    ['no order', 'no order'],
    ['', ''],
    ['ä 😀 %', 'ä 😀 %'],
    ['a\ud83db', 'a\ufffdb'],
    ['\udc00', '\ufffd'],
    ['a\0b', 'a\ufffdb'],
    [undefined, ''],
    [null, ''],
    [404, '404'],
    [new Error('gone'), 'Error: gone'],
    [Symbol('s'), 'Symbol(s)'],
    [Object.create(null), ''],
    [{ toString: () => 7 }, '7'],
  ])('of %j is %j', (text, message) => {
    expect(statusMessage(text)).toBe(message);
  });

  it('has 1,024 bytes unless one says otherwise', () => {
    expect(statusMessage('x'.repeat(1_024))).toBe('x'.repeat(1_024));
    expect(statusMessage(`a${'x'.repeat(1_000_000)}z`)).toMatch(/^ax{509} … x{508}z$/);
    expect(Buffer.byteLength(statusMessage('😀'.repeat(1_000)))).toBeLessThanOrEqual(1_024);
  });

  it.each([
    [0, ''],
    [3, 'abc'],
    [9, 'abcdefghi'],
    [10, 'abc … op'],
  ])(
    'has in %d bytes only the beginning, as long as both would say nothing',
    (maxBytes, message) => {
      expect(statusMessage('abcdefghijklmnop', maxBytes)).toBe(message);
    },
  );
});

describe('the reason of an error', () => {
  it.each(['NOT_FOUND', 'ABC', 'A1_2', 'A'.repeat(63)])('%s is one', (reason) => {
    expect(reasonProblem(reason)).toBeUndefined();
  });

  it.each([
    '',
    'A',
    'AB',
    'not_found',
    '_NOT',
    'NOT_',
    '1NOT',
    'NOT-FOUND',
    'NOT FOUND',
    'NOT_FOUND\n',
    'ÄBC',
  ])('%j is none', (reason) => {
    expect(reasonProblem(reason)).toContain('UPPER_SNAKE_CASE');
  });

  it('is at most 63 characters long', () => {
    expect(reasonProblem('A'.repeat(64))).toBe('has 64 characters, use at most 63');
  });

  it.each([
    ['OrderNotFoundError', 'ORDER_NOT_FOUND'],
    ['OrderNotFoundException', 'ORDER_NOT_FOUND'],
    ['OrderNotFound', 'ORDER_NOT_FOUND'],
    ['HTTPError', 'HTTP'],
    ['HTTPServerError', 'HTTP_SERVER'],
    ['InvalidURLError', 'INVALID_URL'],
    ['ErrorLimitReached', 'ERROR_LIMIT_REACHED'],
    ['S3UploadError', 'S3_UPLOAD'],
    ['WrappedErrorException', 'WRAPPED'],
    ['IOError', 'IO_ERROR'],
    ['DbException', 'DB_EXCEPTION'],
    ['Error', 'ERROR'],
    ['_Order$Gone_Error', 'ORDER_GONE'],
    ['orderGone', 'ORDER_GONE'],
    [`A${'b'.repeat(70)}`, `A${'B'.repeat(62)}`],
    // Cut between two words.
    [`A${'b'.repeat(61)}Cd`, `A${'B'.repeat(61)}`],
    ['e', 'E'],
    ['', ''],
  ])('of the class %s is %s', (name, reason) => {
    expect(reasonFromClassName(name)).toBe(reason);
  });

  it('of a class is valid wherever the name is one of three letters or more', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z_$]{0,4}[A-Z][a-z]{2}[A-Za-z0-9_$]{0,90}$/),
        (name) => {
          expect(reasonProblem(reasonFromClassName(name))).toBeUndefined();
        },
      ),
    );
  });
});

describe('a key of the metadata', () => {
  it.each(['id', 'orderId', 'order_id-2', 'a'.repeat(64)])('may be %s', (key) => {
    expect(metadataKeyProblem(key)).toBeUndefined();
  });

  it.each(['', 'a', 'OrderId', '1st', 'order.id', 'order id', 'id\n', 'größe'])(
    'may not be %j',
    (key) => {
      expect(metadataKeyProblem(key)).toContain('lowerCamelCase');
    },
  );

  it('is at most 64 characters long', () => {
    expect(metadataKeyProblem('a'.repeat(65))).toBe('has 65 characters, use at most 64');
  });
});
