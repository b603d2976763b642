import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fingerprintOf } from '../../src/core/fingerprint.js';
import { hostileErrors } from './support/hostile-errors.js';

const FRAMES = `    at Price.of (/srv/app/dist/price.js:10:5)
    at async Billing.handle (/srv/app/dist/billing.js:20:7)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)`;
const error = (message: string, frames = FRAMES, more: object = {}): Error =>
  Object.assign(new Error(message), { stack: `Error: ${message}\n${frames}`, ...more });
const expectSame = (one: unknown, other: unknown): void =>
  expect(fingerprintOf(one)).toBe(fingerprintOf(other));
const expectOther = (one: unknown, other: unknown): void =>
  expect(fingerprintOf(one)).not.toBe(fingerprintOf(other));

describe('fingerprintOf', () => {
  it('is 16 hex digits', () => {
    expect(fingerprintOf(error('x'))).toMatch(/^[\da-f]{16}$/);
  });

  it.each([
    ['Order 17 has no price', 'Order 4711 has no price'],
    ['Took 17.5 ms', 'Took -3 ms'],
    ['Took 5, gave up', 'Took 1,000, gave up'],
    [
      'No order 0190a3c4-7b1e-7c3a-9f00-5d2c1b3a4f5e',
      'No order ABCDEFAB-CDEF-ABCD-EFAB-CDEFABCDEFAB',
    ],
    ['No order 507f1f77bcf86cd799439011', 'No order 01ARZ3NDEKTSV4RRFFQ69G5FAV'],
    ['Key "a" is missing', 'Key "b c" is missing'],
    ["Key 'a' is missing", "Key 'it is' is missing"],
    ["Can't read 'x' of order", "Can't read 'y' of order"],
    ['Key `a` is missing', 'Key `b` is missing'],
    [
      'Unexpected token \'x\', "{"a":1}" is not valid JSON',
      'Unexpected token \'y\', "["b" is not valid JSON',
    ],
    ['Since 2026-11-22T10:00:00.000Z', 'Since 2025-01-02T03:04:05.678Z'],
    ['No user jo@example.com here', 'No user al.b@shop.example here'],
    ['Payload was "never closed', 'Payload was "closed as little'],
  ])('is the same for %j and %j', (one, other) => {
    expectSame(error(one), error(other));
  });

  it.each([
    ['No price', 'No order'],
    ["Can't reach the bank", "Can't reach the shop"],
    ['Key "a" is missing', 'Key "a" is there twice'],
  ])('tells %j from %j', (one, other) => {
    expectOther(error(one), error(other));
  });

  it('does not depend on host, build, or line', () => {
    const elsewhere = `    at Price.of (file:///C:/app/src/price.js?v=1:99:1)
    at Billing.handle (C:\\app\\billing.js:1:1)
    at process.other (node:internal/process/other:1:1)`;
    expectSame(error('x'), error('x', elsewhere));
    expectSame(
      error('x', '    at f (/a/main.3f2a9c1d.js:1:1)'),
      error('x', '    at f (/main.88b1c0ff.js:2:2)'),
    );
    expectSame(error('x', '    at /a/b.js:1:1'), error('x', '    at file:///c/b.js:2:2'));
  });

  it('tells places apart, by function and by file', () => {
    expectOther(error('x'), error('x', FRAMES.replace('Price.of', 'Price.at')));
    expectOther(error('x'), error('x', FRAMES.replace('price.js', 'prices.js')));
    const sixth = Array.from({ length: 6 }, (_, i) => `    at f${i} (a.js:1:1)`);
    expectSame(error('x', sixth.join('\n')), error('x', sixth.slice(0, 5).join('\n')));
  });

  it('takes no frames from the message', () => {
    expectSame(
      error('remote "said:\n    at a (x.js:1:1)"'),
      error('remote "said:\n    at b (y.js:1:1)"'),
    );
  });

  it("takes the error's own code before the one given, and no code that only says how it ended", () => {
    const own = error('x', FRAMES, { code: 'ECONNREFUSED' });
    expectOther(own, error('x'));
    expectOther(own, error('x', FRAMES, { code: 'ENOTFOUND' }));
    expect(fingerprintOf(own, 'HTTP_500')).toBe(fingerprintOf(own));
    expect(fingerprintOf(error('x'), 'A')).not.toBe(fingerprintOf(error('x'), 'B'));
    for (const ending of ['RETRIES_EXHAUSTED', 'RETRY_TIME_EXHAUSTED', 'DEFERRALS_EXHAUSTED'])
      expect(fingerprintOf(error('x'), ending)).toBe(fingerprintOf(error('x')));
  });

  it.each(hostileErrors())('does not throw for %s', (_, thrown) => {
    expect(fingerprintOf(thrown(), 'CODE')).toMatch(/^[\da-f]{16}$/);
  });

  it('takes no time to speak of, whatever the text', () => {
    const part = fc.constantFrom(
      '"',
      "'",
      '`',
      ' ',
      '@',
      '#',
      '1',
      '-',
      'a',
      '\n    at ',
      '(',
      ':',
      '.',
    );
    const text = fc.array(part, { maxLength: 8 }).map((parts) => parts.join('').repeat(5_000));
    fc.assert(
      fc.property(text, text, (message, frames) => {
        const began = performance.now();
        fingerprintOf(error(message, frames));
        expect(performance.now() - began).toBeLessThan(500);
      }),
    );
  });
});
