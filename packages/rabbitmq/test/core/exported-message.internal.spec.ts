import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodyOf, exportedMessage, importedMessage } from '../../src/core/exported-message.js';

const bytes = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array));
const typed = fc.oneof(
  fc.record({ '!': fc.constant('timestamp'), value: fc.nat() }),
  fc.record({
    '!': fc.constant('decimal'),
    value: fc.record({ digits: fc.nat(), places: fc.nat(9) }),
  }),
);
/** What amqplib makes of a header, and tables whose names look like our marks. */
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.double({ noDefaultInfinity: false }).map((number) => number + 0),
    fc.integer(),
    bytes,
    typed,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('!', 'value', '__proto__')), tie('value'), {
      maxKeys: 3,
    }),
    fc.record({
      '!': fc.constantFrom('bytes', 'table', 'double', 'timestamp'),
      value: tie('value'),
    }),
  ),
}));

describe('an export', () => {
  it('loses nothing on the way through JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), bytes, (headers, content) => {
        const fields = { exchange: 'e', routingKey: 'k' };
        const properties = { messageId: 'm', priority: 3, headers, type: undefined };
        const line = JSON.stringify(exportedMessage({ content, fields, properties }, 'q'));
        const { properties: read, ...rest } = importedMessage(line);
        expect(rest).toEqual({ queue: 'q', exchange: 'e', routingKey: 'k', content });
        expect(read).toStrictEqual({ messageId: 'm', priority: 3, headers: plain(headers) });
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['text', 'utf8', 'text'],
    ['', 'utf8', ''],
    ['ünïcode €', 'utf8', 'ünïcode €'],
    [Buffer.from([0xef, 0xbb, 0xbf, 0x61]), 'utf8', '\ufeffa'],
    [Buffer.from([0xff, 0xfe]), 'base64', '//4='],
    [Buffer.from([0xed, 0xa0, 0x80]), 'base64', '7aCA'],
  ])('%o is %s', (content, bodyEncoding, body) => {
    expect(bodyOf(Buffer.from(content))).toEqual({ body, bodyEncoding });
  });
});

/** -0 is 0 in JSON, as it is an integer to amqplib; prototypes play no part. */
function plain(one: unknown): unknown {
  if (typeof one === 'number') return one === 0 ? 0 : one;
  if (typeof one !== 'object' || one === null || Buffer.isBuffer(one)) return one;
  if (Array.isArray(one)) return one.map(plain);
  return Object.fromEntries(Object.entries(one).map(([name, inner]) => [name, plain(inner)]));
}
