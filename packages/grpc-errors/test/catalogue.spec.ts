// What callers may look at: listed from what says it, and held to what was published.
import 'reflect-metadata';
import {
  checkErrorCatalogue,
  errorCatalogue,
  GrpcError,
  GrpcErrorAdvice,
  HandlesGrpcError,
  type CatalogueEntry,
} from '@acme/nest-grpc-errors';
import { describe, expect, it } from 'vitest';

const domain = 'orders.test';

@GrpcError<OrderNotFoundError>({ code: 'NOT_FOUND', metadata: ['orderId'] })
class OrderNotFoundError extends Error {
  constructor(readonly orderId: string) {
    super();
  }
}

@GrpcError({ code: 'UNAVAILABLE', reason: 'CLOSED' })
class ClosedError extends Error {}

class StockError extends Error {}
class BigStockError extends StockError {}

@GrpcErrorAdvice()
class Advice {
  @HandlesGrpcError(StockError, BigStockError)
  stock(): undefined {}
}

const reasonsOf = (sources: object) =>
  errorCatalogue({ domain, ...sources }).errors.map((one) => [one.reason, one.class]);

describe('a catalogue', () => {
  it('has what a file exports, whatever else that is, in one order', () => {
    const file = { OrderNotFoundError, StockError, limit: 7, nothing: undefined, ClosedError };
    const found = [
      ['CLOSED', 'ClosedError'],
      ['ORDER_NOT_FOUND', 'OrderNotFoundError'],
    ];
    expect(reasonsOf({ classes: Object.values(file) })).toEqual(found);
    expect(reasonsOf({ classes: Object.values(file).toReversed() })).toEqual(found);
    expect(reasonsOf({})).toEqual([]);
  });

  it('has what mappings say of a class in place of what it says itself', () => {
    const mappings = [
      [ClosedError, { code: 'ABORTED', reason: 'SHUT' }],
      [(): boolean => true, { code: 'UNAVAILABLE', reason: 'ANY' }],
    ];
    expect(reasonsOf({ classes: [ClosedError], mappings })).toEqual([
      ['ANY', null],
      ['SHUT', 'ClosedError'],
    ]);
  });

  it('has a class once that was loaded twice, and names who decides at run time', () => {
    const again = ((): object => {
      @GrpcError<OrderNotFoundError>({ code: 'NOT_FOUND', metadata: ['orderId' as never] })
      class OrderNotFoundError extends Error {}
      return OrderNotFoundError;
    })();
    const { errors, atRunTime } = errorCatalogue({
      domain,
      classes: [OrderNotFoundError, again],
      advices: [Advice, StockError, Advice],
    });
    expect(errors).toHaveLength(1);
    expect(atRunTime).toEqual(['Advice.stock(): StockError, BigStockError']);
  });

  it('says when the same call may be made again', () => {
    const rule = { code: 'NOT_FOUND', reason: 'SOLD_OUT' };
    const mappings = [
      [StockError, { ...rule, retryAfter: '2s' }],
      [BigStockError, { ...rule, retryAfter: () => '2s' }],
      [Error, rule],
      [(): boolean => true, { ...rule, code: 'UNAVAILABLE' }],
    ];
    const { errors } = errorCatalogue({ domain, mappings: mappings as never });
    expect(errors.map((one) => [one.class, one.retryable, one.retryAfterMs])).toEqual([
      ['BigStockError', true, 'varies'],
      ['Error', false, null],
      ['StockError', true, 2_000],
      [null, true, null],
    ]);
  });

  it('has its facts in order', () => {
    @GrpcError<TwoError>({ code: 'ABORTED', metadata: ['second', 'first'] })
    class TwoError extends Error {
      readonly first = 1;
      readonly second = 2;
    }
    const [entry] = errorCatalogue({ domain, classes: [TwoError] }).errors;
    expect(entry!.metadata).toEqual(['first', 'second']);
  });

  it('is refused with what is wrong', () => {
    expect(() => errorCatalogue({ domain: 'no name!', mappings: [[Error, {} as never]] })).toThrow(
      /no name![^]*mappings of Error: code/,
    );
  });
});

describe('what was published', () => {
  const entry = (reason: string, more: Partial<CatalogueEntry> = {}): CatalogueEntry => ({
    domain,
    reason,
    code: 'NOT_FOUND',
    http: 404,
    retryable: false,
    retryAfterMs: null,
    metadata: [],
    class: 'A',
    ...more,
  });
  const a = (more: Partial<CatalogueEntry> = {}) => entry('A', more);

  it.each<[string, CatalogueEntry[], CatalogueEntry[], string[]]>([
    ['it is there', [a()], [a(), entry('B')], []],
    ['it has another status, pause or class', [a()], [a({ http: 1, retryAfterMs: 5 })], []],
    [
      'its class has another name',
      [a({ metadata: ['x'] })],
      [a({ class: 'Z', metadata: ['x'] })],
      [],
    ],
    ['it has more facts', [a({ metadata: ['x'] })], [a({ metadata: ['w', 'x'] })], []],
    ['its facts were not known', [a({ metadata: null })], [a({ metadata: ['x'] })], []],
    ['its class was split', [a()], [a({ class: 'Y' }), a({ class: 'Z' })], []],
    ['it is gone', [a()], [entry('B')], ['gone is gone']],
    ['another service has it', [a()], [a({ domain: 'b.test' })], ['gone is gone']],
    ['its code changed', [a()], [a({ code: 'ABORTED' })], ['code was NOT_FOUND, and is ABORTED']],
    [
      'it lacks facts',
      [a({ metadata: ['x', 'y', 'z'] })],
      [a({ metadata: ['y'] })],
      ['metadata had x, z'],
    ],
    [
      'its facts cannot be seen any more',
      [a({ metadata: ['x'] })],
      [a({ metadata: null })],
      ['metadata had x, and a function gives its facts now: they cannot be seen'],
    ],
    [
      'one of two classes of a reason lacks what the other has',
      [a({ metadata: ['x'] }), a({ class: 'B', metadata: ['x'] })],
      [a({ metadata: ['x'] }), a({ class: 'B' })],
      ['metadata had x'],
    ],
    [
      'its class was split, and so were its facts',
      [a({ metadata: ['x', 'y'] })],
      [a({ class: 'Y', metadata: ['x'] }), a({ class: 'Z', metadata: ['y'] })],
      ['metadata had y'],
    ],
    [
      'its facts are those of another code now',
      [a({ class: null, metadata: ['x'] })],
      [a({ class: 'Y' }), a({ class: 'Z', code: 'ABORTED', metadata: ['x'] })],
      ['metadata had x'],
    ],
    [
      'one of two classes has another code',
      [a(), a({ class: 'B' })],
      [a(), a({ class: 'B', code: 'ABORTED' })],
      ['code was NOT_FOUND, and is ABORTED'],
    ],
  ])('is compared: %s', (_, published, now, problems) => {
    const found = checkErrorCatalogue({ errors: published }, { errors: now });
    expect(found.map(({ kind, text }) => `${kind} ${text}`)).toEqual(problems);
    for (const one of found) expect(one).toMatchObject({ domain, reason: 'A' });
  });
});
