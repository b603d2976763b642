import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeStatus, encodeStatus } from '../../src/core/details/status-codec.js';
import type { RichStatus } from '../../src/core/details/types.js';
import * as bags from './support/bags.internal.js';
import { encodePacked, type Slot, typeUrlOf } from './support/proto.internal.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Reading must give a status that is written and read again to the very same, or undefined. */
function expectSound(bytes: Uint8Array): RichStatus | undefined {
  const status = decodeStatus(bytes);
  const again = status && decodeStatus(encodeStatus(status));
  expect(again).toStrictEqual(status && normal(status));
  return status;
}

/** Values that were sent though they are empty are not sent again. */
function normal(status: RichStatus): RichStatus {
  const { badRequest, quotaFailure, ...rest } = status.details;
  const isSet = ([name, value]: [string, unknown]): boolean =>
    name === 'futureQuotaValue' || !(value === '' || value === 0) || REQUIRED.has(name);
  const set = (one: object) => Object.fromEntries(Object.entries(one).filter(isSet)) as never;
  return {
    ...status,
    details: {
      ...rest,
      ...(badRequest && { badRequest: { fieldViolations: badRequest.fieldViolations.map(set) } }),
      ...(quotaFailure && { quotaFailure: { violations: quotaFailure.violations.map(set) } }),
    },
  };
}
const REQUIRED = new Set(['field', 'description', 'subject']);

/** Bytes that begin as a valid detail does, so that more than the first byte of it is read. */
const received = (slot: Slot, value: Uint8Array) =>
  decodeStatus(encodePacked({ code: 5, details: [{ typeUrl: typeUrlOf(slot), value }] }));

describe('reading bytes of anybody', () => {
  it('never throws, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void expectSound(bytes)),
      { numRuns: 5_000 },
    );
  });

  it('never throws, wherever a valid status was changed, cut or lengthened', () => {
    const edit = fc.record({ at: fc.nat(), byte: fc.nat(255), kind: fc.nat(2) });
    let read = 0;
    fc.assert(
      fc.property(bags.status, fc.array(edit, { minLength: 1, maxLength: 4 }), (status, edits) => {
        const bytes = [...encodeStatus(status)];
        for (const { at, byte, kind } of edits) {
          bytes.splice(at % (bytes.length + 1), kind > 0 ? 1 : 0, ...(kind < 2 ? [byte] : []));
        }
        if (expectSound(Uint8Array.from(bytes))) read++;
      }),
      { numRuns: 3_000 },
    );
    expect(read).toBeGreaterThan(100);
  });

  it.each([
    ['a length beyond the end', '12 05 4142'],
    ['a length of 4 GiB', '12 ffffffff0f 41'],
    ['a length of 2^63', '12 80808080808080808001'],
    ['a varint without an end', '08 ffffffffffffffffffffff01'],
    ['a varint that is cut', '08 80'],
    ['four bytes that are cut', '2d 010203'],
    ['eight bytes that are cut', '29 01020304050607'],
    ['the field 0', '00 01'],
    ['a tag of more than 32 bits', '88808080f001 01'],
    ['the end of a group that never began', '0c'],
    ['a group without an end', '0b 0805'],
    ['a group with the end of another', '0b 14'],
    ['the wire type 6', '0e'],
    ['a detail beyond the end of the status', '1a 04 0a 01 41'],
    ['groups in groups in groups', `${'0b'.repeat(40)}${'0c'.repeat(40)}`],
  ])('finds no status in %s', (_, bytes) => {
    expect(decodeStatus(hex(bytes))).toBeUndefined();
  });

  it('survives as many groups in groups as fit into a header', () => {
    expect(decodeStatus(Buffer.alloc(60_000, 0x0b))).toBeUndefined();
  });

  it.each<[string, Slot, string]>([
    ['a length beyond the end', 'errorInfo', '0a05 41'],
    ['a nested length beyond its message', 'badRequest', '0a03 0a05 41 42434445'],
    ['an entry of a map that is cut', 'errorInfo', '1a02 0a05'],
    ['a nested message that is cut', 'retryInfo', '0a02 0880'],
  ])('keeps a detail with %s as it came, and reads the rest', (_, slot, broken) => {
    const help = { typeUrl: typeUrlOf('help'), value: new Uint8Array() };
    const detail = { typeUrl: typeUrlOf(slot), value: new Uint8Array(hex(broken)) };
    const status = decodeStatus(encodePacked({ code: 5, details: [detail, help] }));
    expect(status?.details).toStrictEqual({ help: { links: [] }, other: [detail] });
  });

  it('reads a whole detail after a broken one of its type', () => {
    const typeUrl = typeUrlOf('requestInfo');
    const broken = { typeUrl, value: new Uint8Array(hex('0a05 41')) };
    const details = [broken, { typeUrl, value: hex('0a0141') }];
    expect(decodeStatus(encodePacked({ details }))?.details).toStrictEqual({
      requestInfo: { requestId: 'A', servingData: '' },
      other: [broken],
    });
  });

  it('makes no more than 1,024 things of one detail, nor of a status', () => {
    const links = (count: number) => hex('0a00'.repeat(count));
    expect(received('help', links(1_024))?.details.help?.links).toHaveLength(1_024);
    expect(received('help', links(1_025))?.details).toStrictEqual({
      other: [{ typeUrl: typeUrlOf('help'), value: new Uint8Array(links(1_025)) }],
    });
    expect(received('debugInfo', links(1_025))?.details.debugInfo).toBeUndefined();
    expect(received('errorInfo', hex('1a00'.repeat(1_025)))?.details.errorInfo).toBeUndefined();
    expect(decodeStatus(hex('1a00'.repeat(1_024)))?.details.other).toHaveLength(1_024);
    expect(decodeStatus(hex('1a00'.repeat(1_025)))).toBeUndefined();
  });

  it('counts what is nested as well', () => {
    const violation = `0a ce01 ${'3200'.repeat(103)}`;
    expect(received('quotaFailure', hex(violation.repeat(9)))?.details.quotaFailure).toBeDefined();
    expect(
      received('quotaFailure', hex(violation.repeat(10)))?.details.quotaFailure,
    ).toBeUndefined();
  });

  it('takes a key that is the name of a prototype for what it is: a key', () => {
    const key = (name: string): string => {
      const bytes = Buffer.from(name).toString('hex');
      const length = (bytes.length / 2).toString(16).padStart(2, '0');
      return `1a ${(bytes.length / 2 + 5).toString(16).padStart(2, '0')} 0a ${length} ${bytes} 1201 78`;
    };
    const read = received('errorInfo', hex(key('__proto__') + key('constructor')));
    const metadata = read?.details.errorInfo?.metadata ?? {};
    expect(Object.entries(metadata)).toStrictEqual([
      ['__proto__', 'x'],
      ['constructor', 'x'],
    ]);
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
  });
});
