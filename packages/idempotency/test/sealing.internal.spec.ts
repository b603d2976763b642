import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, encode } from '../src/core/codec.js';
import { opened, Sealing } from '../src/core/sealing.js';

const key = randomBytes(32);
const sealing = new Sealing({ key });
const recordId = 'a'.repeat(64);

const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true });

function textOf(value: unknown): string {
  const encoded = encode(value);
  if (!('text' in encoded)) throw new Error(`cannot be encoded: ${encoded.what}`);
  return encoded.text;
}

describe('sealing', () => {
  it('gives back what was encoded, whatever it is', () => {
    fc.assert(
      fc.property(anything, fc.string(), (value, id) => {
        const sealed = sealing.seal(textOf(value), id);
        expect(sealed).toMatch(/^sealed-1:[0-9a-f]{8}:[\w-]+$/);
        expect(decode(opened(sealed, id, sealing))).toStrictEqual(value);
      }),
    );
  });

  it('keeps every text, also one that is no Unicode', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const kept = Buffer.from(text).toString();
        expect(opened(sealing.seal(text, recordId), recordId, sealing)).toBe(kept);
      }),
    );
  });

  it('notices every bit that was changed', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), fc.nat(7), (text, at, bit) => {
        const [mark, id, payload] = sealing.seal(text, recordId).split(':');
        const bytes = Buffer.from(payload!, 'base64url');
        bytes[at % bytes.length]! ^= 1 << bit;
        const changed = [mark, id, bytes.toString('base64url')].join(':');
        expect(() => opened(changed, recordId, sealing)).toThrow('does not open');
      }),
    );
  });

  it('notices a record that is another one, and one that was cut off', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.nat(), (text, other, length) => {
        fc.pre(other !== recordId);
        const sealed = sealing.seal(text, recordId);
        expect(() => opened(sealed, other, sealing)).toThrow('belongs to another record');
        const mark = 'sealed-1'.length;
        const cut = sealed.slice(0, mark + (length % (sealed.length - mark)));
        expect(() => opened(cut, recordId, sealing)).toThrow(/damaged|does not open/);
      }),
    );
  });

  it('takes nothing that encode writes for a sealed reply', () => {
    fc.assert(
      fc.property(anything, (value) => {
        const text = textOf({ body: value });
        expect(opened(text, recordId, sealing)).toBe(text);
      }),
    );
  });
});
