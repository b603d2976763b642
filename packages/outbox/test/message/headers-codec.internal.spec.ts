import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHeaders, encodeHeaders } from '../../src/message/headers-codec.js';

describe('stored headers', () => {
  const value = fc.oneof(
    fc.string(),
    fc.boolean(),
    fc.double({ noDefaultInfinity: true, noNaN: true }).map((number) => number + 0),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  );

  it('come back as they were given', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), (headers) => {
        expect(decodeHeaders(encodeHeaders(headers))).toEqual({ ...headers });
      }),
    );
  });

  it('hold nothing but header values, whatever JSON somebody else has written', () => {
    const bytesLike = fc.record({ base64: fc.jsonValue() });
    const foreign = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.string(), fc.oneof(fc.jsonValue(), bytesLike)),
    );
    fc.assert(
      fc.property(foreign, (json) => {
        for (const decoded of Object.values(decodeHeaders(JSON.stringify(json)))) {
          expect(
            ['string', 'number', 'boolean'].includes(typeof decoded) || Buffer.isBuffer(decoded),
          ).toBe(true);
        }
      }),
    );
  });

  it.each([
    ['null', {}],
    ['"text"', {}],
    ['[1, 2]', {}],
    ['{"x-null": null, "kept": 1}', { kept: 1 }],
    ['{"list": [1], "table": {"a": 1}, "huge": 1e999, "kept": "a"}', { kept: 'a' }],
    ['{"bytes": {"base64": 7}, "kept": true}', { kept: true }],
  ])('%s becomes %j', (text, headers) => {
    expect(decodeHeaders(text)).toEqual(headers);
  });
});
