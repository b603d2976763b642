import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeStatus, encodeStatus } from '../../src/core/details/status-codec.js';
import type { ErrorDetails } from '../../src/core/details/types.js';
import * as bags from './support/bags.internal.js';
import {
  encodeDetail,
  encodePacked,
  type Slot,
  typeOf,
  typeUrlOf,
} from './support/proto.internal.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** A status with one detail of these bytes, as anybody may send it. */
const received = (slot: Slot, value: Uint8Array) =>
  decodeStatus(encodePacked({ code: 5, details: [{ typeUrl: typeUrlOf(slot), value }] }));

const sentAndReceived = (details: ErrorDetails) =>
  decodeStatus(encodeStatus({ code: 5, message: '', details }))?.details;

describe('a status', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(bags.status, (status) => {
        expect(decodeStatus(encodeStatus(status))).toStrictEqual(status);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps the first detail of a type, and the others as they are', () => {
    const detail = (reason: string) => ({
      typeUrl: typeUrlOf('errorInfo'),
      value: encodeDetail('errorInfo', { reason, domain: 'd', metadata: {} }),
    });
    const bytes = encodePacked({ code: 5, details: [detail('A'), detail('B')] });
    const second = { ...detail('B'), value: new Uint8Array(detail('B').value) };
    const { details } = decodeStatus(bytes)!;
    expect(details).toStrictEqual({
      errorInfo: { reason: 'A', domain: 'd', metadata: {} },
      other: [second],
    });
    expect(sentAndReceived(details)).toStrictEqual(details);
  });

  it.each([
    ['of another host', 'types.acme.dev/v1/google.rpc.Help', true],
    ['without a host', '/google.rpc.Help', true],
    ['without a slash, which no type has', 'google.rpc.Help', false],
    ['of another package', 'type.googleapis.com/acme.google.rpc.Help', false],
    ['that is empty', '', false],
  ])('knows a detail by the name of its type: %s', (_, typeUrl, known) => {
    const bytes = encodePacked({ details: [{ typeUrl, value: new Uint8Array() }] });
    const other = [{ typeUrl, value: new Uint8Array() }];
    expect(decodeStatus(bytes)?.details).toStrictEqual(known ? { help: { links: [] } } : { other });
  });

  it('does not hold the buffer that it was read from', () => {
    const other = [{ typeUrl: 'acme.dev/T', value: Uint8Array.of(1) }];
    const bytes = encodeStatus({ code: 5, message: '', details: { other } });
    const read = decodeStatus(bytes)!;
    bytes.fill(0);
    expect(read.details.other).toStrictEqual(other);
    expect(read.details.other![0]!.value.buffer.byteLength).toBe(1);
  });

  it('is written though JavaScript knows no types', () => {
    const metadata = { id: 4711, none: undefined, no: null } as never;
    const errorInfo = { reason: 'R', domain: undefined as never, metadata };
    expect(sentAndReceived({ errorInfo, help: undefined as never })).toStrictEqual({
      errorInfo: { reason: 'R', domain: '', metadata: { id: '4711' } },
    });
  });

  it('is written however long it is', () => {
    for (const length of [47, 48, 49, 127, 128, 511, 512, 16_383, 16_384, 100_000]) {
      const status = { code: 5, message: 'é'.repeat(length), details: {} };
      expect(decodeStatus(encodeStatus(status))).toStrictEqual(status);
    }
  });

  it('has U+FFFD where half of a surrogate pair was written', () => {
    const status = { code: 5, message: 'a\ud83db', details: {} };
    expect(decodeStatus(encodeStatus(status))?.message).toBe('a\ufffdb');
  });
});

describe('numbers', () => {
  const violation = { subject: 's', description: 'd' };
  const quota = (values: object) =>
    sentAndReceived({ quotaFailure: { violations: [{ ...violation, ...values }] } })?.quotaFailure
      ?.violations[0];

  it.each([
    [1, 1],
    [-1, -1],
    [2 ** 31, 2 ** 31],
    [2 ** 32, 2 ** 32],
    [-(2 ** 32), -(2 ** 32)],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    [Number.MIN_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
    [1e300, Number.MAX_SAFE_INTEGER],
    [-Infinity, Number.MIN_SAFE_INTEGER],
    [1.9, 1],
  ])('a quota of %d arrives as %d', (sent, arrives) => {
    expect(quota({ quotaValue: sent })?.quotaValue).toBe(arrives);
  });

  it('a quota that no number says exactly is the nearest that is', () => {
    const read = received('quotaFailure', hex('0a0a 38 ffffffffffffffff7f'));
    expect(read?.details.quotaFailure?.violations[0]?.quotaValue).toBe(Number.MAX_SAFE_INTEGER);
    const negative = received('quotaFailure', hex('0a0b 38 80808080808080808001'));
    expect(negative?.details.quotaFailure?.violations[0]?.quotaValue).toBe(Number.MIN_SAFE_INTEGER);
  });

  it('a quota of 0 is none, a future quota of 0 is one; NaN is 0', () => {
    expect(quota({ quotaValue: 0, futureQuotaValue: 0 })).toStrictEqual({
      ...violation,
      futureQuotaValue: 0,
    });
    expect(quota({ futureQuotaValue: NaN })).toStrictEqual({ ...violation, futureQuotaValue: 0 });
  });

  it.each([-1, 0x7fff_ffff, -0x8000_0000])('the code %d arrives', (code) => {
    expect(decodeStatus(encodeStatus({ code, message: '', details: {} }))?.code).toBe(code);
  });

  it('a code with more than 32 bits is cut, as by every other implementation', () => {
    expect(decodeStatus(hex('08 8580808010'))?.code).toBe(5);
  });
});

describe('the wait of RetryInfo', () => {
  const YEARS_10_000 = 315_576_000_000_000;

  it.each([
    [0, 0],
    [1, 1],
    [0.2, 1],
    [1_000.5, 1_001],
    [-5, 0],
    [NaN, 0],
    [Infinity, YEARS_10_000],
  ])('%d ms is sent as %d ms', (retryDelayMs, arrives) => {
    expect(sentAndReceived({ retryInfo: { retryDelayMs } })?.retryInfo).toStrictEqual({
      retryDelayMs: arrives,
    });
  });

  it('is sent as whole milliseconds', () => {
    const sent = (retryDelayMs: number) =>
      encodeStatus({ code: 5, message: '', details: { retryInfo: { retryDelayMs } } });
    expect(sent(1_000.3)).toStrictEqual(sent(1_001));
  });

  it.each([
    ['of one nanosecond is a millisecond', { seconds: 0, nanos: 1 }, 1],
    ['of a part of a millisecond is rounded up', { seconds: 2, nanos: 1_000_001 }, 2_002],
    ['below 0 is none', { seconds: -3, nanos: -1 }, 0],
    ['beyond the range is the most', { seconds: Number.MAX_SAFE_INTEGER, nanos: 0 }, YEARS_10_000],
    ['with both signs is their sum', { seconds: 1, nanos: -500_000_000 }, 500],
  ])('a wait %s', (_, retryDelay, retryDelayMs) => {
    const type = typeOf('retryInfo');
    const bytes = type.encode(type.fromObject({ retryDelay })).finish();
    expect(received('retryInfo', bytes)?.details.retryInfo).toStrictEqual({ retryDelayMs });
  });

  it('is 0 where none was sent', () => {
    expect(received('retryInfo', hex(''))?.details.retryInfo).toStrictEqual({ retryDelayMs: 0 });
  });
});

describe('what proto3 demands of a reader', () => {
  const info = (bytes: string) => received('errorInfo', hex(bytes))?.details;
  const one = { reason: 'R', domain: '', metadata: {} };

  it.each([
    ['a varint', '98 01 ff01'],
    ['eight bytes', '99 01 0102030405060708'],
    ['bytes', '9a 01 03 010203'],
    ['four bytes', '9d 01 01020304'],
    ['a group in a group', '9b 01 08 05 13 1a 01 61 14 9c 01'],
    ['a number of more than four bits', 'f8 ff ff ff 0f 01'],
    ['a known number of another wire type', '08 05'],
  ])('an unknown field is passed over: %s', (_, field) => {
    expect(info(`${field} 0a0152 ${field}`)).toStrictEqual({ errorInfo: one });
  });

  it('the last of a field counts that may be there once', () => {
    expect(info('0a0141 0a0152')).toStrictEqual({ errorInfo: one });
  });

  it('messages of a field that may be there once are merged', () => {
    const merged = received('retryInfo', hex('0a02 0802 0a06 1080cab5ee01'));
    expect(merged?.details.retryInfo).toStrictEqual({ retryDelayMs: 2_500 });
    const violation = received('badRequest', hex('0a0c 2204 0a026465 2204 12026a61'));
    expect(violation?.details.badRequest?.fieldViolations).toStrictEqual([
      { field: '', description: '', localizedMessage: { locale: 'de', message: 'ja' } },
    ]);
  });

  it('an entry of a map may lack its key or value, and the last of a key counts', () => {
    const metadata = { k: '', '': 'v', a: 'c' };
    expect(info('1a03 0a016b 1a03 120176 1a06 0a0161 120162 1a06 120163 0a0161')).toStrictEqual({
      errorInfo: { reason: '', domain: '', metadata },
    });
  });

  it('what is no UTF-8 is U+FFFD', () => {
    expect(info('0a03 41ff42')).toMatchObject({ errorInfo: { reason: 'A\ufffdB' } });
    const long = `0a20 ff${'41'.repeat(31)}`;
    expect(info(long)).toMatchObject({ errorInfo: { reason: `\ufffd${'A'.repeat(31)}` } });
  });
});
