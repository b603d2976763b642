import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { correlationIdFrom, isAcceptableId } from '../src/context/correlation.js';
import { Contexts } from '../src/context/contexts.js';
import { InboundHeaders } from '../src/context/inbound-headers.js';
import type { InboundFacts } from '../src/context/inbound-message.js';

const contexts = new Contexts(
  { generateId: () => 'generated', trustIdentity: () => true },
  () => {},
);
const open = (headers: Record<string, unknown>, facts: Partial<InboundFacts> = {}) =>
  contexts.open(
    {
      transport: 'rmq',
      name: 'n',
      payload: undefined,
      expectsReply: false,
      raw: {},
      headers: new InboundHeaders(headers),
      ...facts,
    },
    true,
  );

describe('inbound headers', () => {
  it('are found in any case', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-Z-]{1,20}$/), fc.string(), (name, value) => {
        const headers = new InboundHeaders({ [name]: value });
        for (const spelling of [name, name.toUpperCase(), name.toLowerCase()])
          expect([headers.get(spelling), headers.has(spelling)]).toEqual([value, true]);
        expect(headers.names()).toEqual([name.toLowerCase()]);
      }),
    );
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', ''])(
    'may be called "%s", and are absent when they are not there',
    (name) => {
      const source = Object.defineProperty({}, name, { value: 'v', enumerable: true });
      expect(new InboundHeaders(source as Record<string, unknown>).get(name)).toBe('v');
      const empty = new InboundHeaders();
      expect([empty.get(name), empty.has(name), empty.getAll(name)]).toEqual([
        undefined,
        false,
        [],
      ]);
    },
  );

  it('keep bytes as they are', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const headers = new InboundHeaders({ 'x-bin': Buffer.from(bytes) });
        expect([...headers.getBinary('X-Bin')!]).toEqual([...bytes]);
      }),
    );
    expect(new InboundHeaders({ a: Buffer.from('grün') }).get('a')).toBe('grün');
    expect(Buffer.from(new InboundHeaders({ a: 'grün' }).getBinary('a')!).toString()).toBe('grün');
  });

  it('keep every value of a name, in order, in whatever case each came', () => {
    const headers = new InboundHeaders({ 'X-A': ['1', '2'], 'x-a': '3', 'X-a': [null, 4, true] });
    expect(headers.getAll('x-a')).toEqual(['1', '2', '3', '4', 'true']);
    expect(headers.get('x-a')).toBe('1');
  });

  it('treat nothing as nothing', () => {
    const headers = new InboundHeaders({ a: undefined, b: null, c: [], d: [null, undefined] });
    expect(headers.names()).toEqual([]);
  });

  it('do not write tables as text', () => {
    const headers = new InboundHeaders({ 'x-death': [{ count: 3 }], table: { a: 1 } });
    expect([headers.get('x-death'), headers.get('table'), headers.getBinary('table')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(headers.has('x-death')).toBe(true);
  });

  it.each([
    ['7', 7],
    [7, 7],
    ['-1.5', -1.5],
    [10n, 10],
    ['', undefined],
    ['  ', undefined],
    ['seven', undefined],
    ['Infinity', undefined],
    [Number.NaN, undefined],
    ['1,5', undefined],
  ])('read %s as the number %s', (value, number) => {
    expect(new InboundHeaders({ n: value }).getNumber('N')).toBe(number);
  });

  it('never throw', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.anything()), fc.string(), (source, name) => {
        const headers = new InboundHeaders(source);
        for (const read of [name, ...headers.names()]) {
          headers.get(read);
          headers.getBinary(read);
          expect(headers.getNumber(read) ?? 0).not.toBeNaN();
        }
      }),
    );
  });
});

describe('an id from outside', () => {
  it.each([
    ['a', true],
    ['a b', true],
    ['x'.repeat(128), true],
    ['~!@#$%^&*()', true],
    ['x'.repeat(129), false],
    ['', false],
    [' ', false],
    [' a', false],
    ['a ', false],
    ['a\r\nset-cookie: b', false],
    ['a\n', false],
    ['a\u0000b', false],
    ['a\tb', false],
    ['ä', false],
    ['\u{1f600}', false],
    ['\u007f', false],
    [undefined, false],
  ])('%j may travel on: %j', (id, accepted) => {
    expect(isAcceptableId(id)).toBe(accepted);
    expect(correlationIdFrom([id], () => 'new')).toBe(accepted ? id : 'new');
  });

  it('is refused fast, however long it is', () => {
    const start = process.cpuUsage().user;
    expect(isAcceptableId(`${' '.repeat(1_000_000)}\n`)).toBe(false);
    expect(process.cpuUsage().user - start).toBeLessThan(500_000);
  });

  it('goes out only if it is acceptable, whatever it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (id) => {
        const context = open(
          { 'x-correlation-id': id, 'x-causation-id': id, 'x-tenant-id': id, 'x-user-id': id },
          { messageId: id },
        );
        for (const value of Object.values(context.outboundHeaders()))
          expect(value).toMatch(/^[\x21-\x7e]([\x20-\x7e]{0,126}[\x21-\x7e])?$/);
      }),
    );
  });

  it('of the header goes before the property, the first acceptable one wins', () => {
    expect(open({ 'x-correlation-id': 'h' }, { correlationId: 'p' }).correlationId).toBe('h');
    expect(open({ 'x-correlation-id': 'h\n' }, { correlationId: 'p' }).correlationId).toBe('p');
    expect(open({}, { correlationId: ' ' }).correlationId).toBe('generated');
  });
});

describe('what goes out', () => {
  it('names the message that is handled as the cause, and not its cause', () => {
    const context = open(
      {
        'x-correlation-id': 'c',
        'x-causation-id': 'before',
        'idempotency-key': 'k',
        'x-tenant-id': 't',
      },
      { messageId: 'm' },
    );
    expect(context.causationId).toBe('before');
    expect(context.outboundHeaders()).toEqual({
      'x-correlation-id': 'c',
      'x-causation-id': 'm',
      'x-tenant-id': 't',
    });
  });

  it('has no cause where the message has no id', () => {
    for (const messageId of [undefined, '', 'x'.repeat(129)])
      expect(Object.keys(open({}, { messageId }).outboundHeaders())).toEqual(['x-correlation-id']);
  });
});

describe('the number of the attempt', () => {
  it.each([
    [{}, {}, 1],
    [{ 'x-attempt': '3' }, {}, 3],
    [{ 'x-attempt': 2 }, { deliveryCount: 4 }, 5],
    [{ 'x-attempt': 9 }, { deliveryCount: 4, redelivered: true }, 9],
    [{}, { redelivered: true }, 2],
    [{}, { deliveryCount: 0, redelivered: true }, 2],
    [{ 'x-attempt': '-5' }, {}, 1],
    [{ 'x-attempt': '0' }, { redelivered: true }, 2],
    [{ 'x-attempt': '1.5' }, {}, 1],
    [{ 'x-attempt': '1e300' }, {}, 1],
    [{ 'x-attempt': 'many' }, { deliveryCount: Number.NaN }, 1],
  ])('is the highest that anybody counted: %j %j', (headers, facts, attempt) => {
    expect(open(headers, facts).message.attempt).toBe(attempt);
  });

  it('is a whole number from 1 up, whatever came in', () => {
    fc.assert(
      fc.property(fc.anything(), fc.double(), fc.boolean(), (own, deliveryCount, redelivered) => {
        const { attempt } = open({ 'x-attempt': own }, { deliveryCount, redelivered }).message;
        expect(Number.isSafeInteger(attempt) && attempt >= 1).toBe(true);
      }),
    );
  });
});

describe('the deadline', () => {
  it.each([
    [{ 'x-deadline': '1900000000000' }, {}, 1_900_000_000_000],
    [{ 'x-deadline': '1900000000000' }, { deadline: 5 }, 5],
    [{ 'x-deadline': 'soon' }, {}, undefined],
    [{ 'x-deadline': '0' }, {}, undefined],
    [{ 'x-deadline': '-1' }, {}, undefined],
    [{}, {}, undefined],
  ])('is the transport’s own, else the header’s: %j %j', (headers, facts, deadline) => {
    expect(open(headers, facts).message.deadline).toBe(deadline);
  });
});
