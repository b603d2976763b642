import { describe, expect, it } from 'vitest';
import { toNewMessages } from '../../src/message/new-message.js';
import { isOutboxError } from '../../src/outbox.errors.js';

const message = { type: 'a', payload: 1 };

function problemsOf(...given: unknown[]): readonly string[] {
  try {
    toNewMessages(given, {});
    return [];
  } catch (error) {
    if (!isOutboxError(error, 'OUTBOX_MESSAGE_INVALID')) throw error;
    return (error as { problems: readonly string[] }).problems;
  }
}

describe('a message that could never be published', () => {
  it.each([
    [{ delay: 'soon' }, /^delay: "soon" is not a duration/],
    [{ delay: -1 }, /^delay: -1 is not a duration/],
    [{ delay: 8.64e15 + 1 }, /^delay: 8640000000000001 is not a duration/],
    [{ availableAt: '2026-01-01' }, /^availableAt: "2026-01-01" is not a time/],
    [{ availableAt: new Date(NaN) }, /^availableAt: the given object is not a time/],
    [{ availableAt: 8.64e15 + 1 }, /^availableAt: 8640000000000001 is not a time/],
    [{ availableAt: 1, delay: 1 }, /^availableAt and delay: give one/],
    [{ timestamp: 1n }, /^timestamp: 1 is no time/],
    [{ timestamp: -1 }, /^timestamp: -1 is no time between 1970 and 9999/],
    [{ timestamp: 253_402_300_800_000 }, /^timestamp: 253402300800000 is no time/],
    [{ messageId: '' }, /^messageId: empty/],
    [{ messageId: 7 }, /^messageId: number instead of a string/],
    [{ exchange: 'é'.repeat(128) }, /^exchange: 256 bytes; AMQP carries at most 255/],
    [{ contentType: 'a\0' }, /^contentType: contains a NUL/],
    [{ headers: { 'a\0': 1 } }, /^headers: the name "a\\u0000": contains a NUL/],
    [{ headers: { a: 'b\0' } }, /^headers\["a"\]: .*not a string with a NUL character/],
    [{ headers: { a: Infinity } }, /^headers\["a"\]: .*not Infinity/],
    [{ payload: () => 1 }, /^payload: .* has no JSON/],
    [{ payload: 1n }, /^payload: not serialisable as JSON/],
  ])('is told what is wrong with it: %o', (wrong, problem) => {
    expect(problemsOf({ ...message, ...wrong })).toEqual([expect.stringMatching(problem)]);
  });

  it('is named by its place among others', () => {
    expect(problemsOf(message, { ...message, type: '' }, 'text')).toEqual([
      expect.stringMatching(/^message 1: type: empty/),
      expect.stringMatching(/^message 2: text is no message/),
    ]);
  });
});

describe('a message at the limits', () => {
  it.each([
    [{ exchange: 'é'.repeat(127) + 'a', routingKey: '' }, { exchange: 'é'.repeat(127) + 'a' }],
    [{ timestamp: 0 }, { occurredAt: 0 }],
    [{ timestamp: 253_402_300_799_999 }, { occurredAt: 253_402_300_799_999 }],
    [{ availableAt: -1 }, { due: { atMs: -1 } }],
    [{ availableAt: new Date(5) }, { due: { atMs: 5 } }],
    [{ delay: 0 }, { due: null }],
    [{ delay: '1.5s' }, { due: { inMs: 1_500 } }],
    [{ payload: null }, { payload: 'null' }],
  ])('is taken as it is: %o', (given, made) => {
    expect(toNewMessages([{ ...message, ...given }], {})).toEqual([expect.objectContaining(made)]);
  });

  it('is a snapshot, headers and bytes included', () => {
    const [payload, raw, list] = [Buffer.from('ab'), Uint8Array.of(1), ['x']];
    const [bytes, json] = toNewMessages(
      [
        { type: 'a', payload, headers: { raw } },
        { type: 'b', payload: list },
      ],
      { inherited: 'yes', raw: 'weaker' },
    );
    payload.fill(0);
    raw.fill(0);
    list.push('y');
    expect(bytes?.payload).toEqual(Uint8Array.from(Buffer.from('ab')));
    expect(JSON.parse(bytes?.headers ?? '')).toEqual({ inherited: 'yes', raw: { base64: 'AQ==' } });
    expect(json?.payload).toBe('["x"]');
  });
});
