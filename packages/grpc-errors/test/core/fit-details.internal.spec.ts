import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitDetails } from '../../src/core/details/fit-details.js';
import { decodeStatus, encodeStatus } from '../../src/core/details/status-codec.js';
import type { ErrorDetails, RichStatus } from '../../src/core/details/types.js';
import * as bags from './support/bags.internal.js';
import { GOLDEN } from './support/golden-values.internal.js';

const statusOf = (details: ErrorDetails, message = 'no order'): RichStatus => ({
  code: 5,
  message,
  details: { errorInfo: { reason: 'NO_ORDER', domain: 'acme.dev', metadata: {} }, ...details },
});

const elements = <T>(count: number, of: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => of(index));

const fieldViolations = (count: number) =>
  elements(count, (index) => ({ field: `items[${index}].sku`, description: 'must not be empty' }));

const badRequest = (count: number) => ({ fieldViolations: fieldViolations(count) });
const fit = (details: ErrorDetails, budget?: number) => fitDetails(statusOf(details), budget);
const truncated = ({ details }: RichStatus) => details.errorInfo?.metadata['truncated'];

/** Lengthens every text of a bag, so that nothing of it fits. */
const inflated = (value: unknown, times: number): unknown => {
  if (typeof value === 'string') return value.repeat(times);
  if (Array.isArray(value)) return value.map((one) => inflated(one, times));
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inflated(one, times)]));
};

describe('a status within its budget', () => {
  it('stays as it is, and no byte more is used', () => {
    const status = statusOf(GOLDEN);
    const { length } = encodeStatus(status);
    expect(fitDetails(status, length)).toStrictEqual({ status, bytes: encodeStatus(status) });
    expect(truncated(fitDetails(status, length - 1).status)).toBe('debugInfo');
  });

  it('has 4,096 bytes unless one says otherwise', () => {
    const { bytes, status } = fit({ badRequest: badRequest(1_000) });
    expect(bytes.length).toBeLessThanOrEqual(4_096);
    expect(bytes.length).toBeGreaterThan(4_040);
    expect(decodeStatus(bytes)).toStrictEqual(status);
  });
});

describe('a status that is too long', () => {
  it('is within every budget from 512 bytes, and keeps ErrorInfo and RetryInfo', () => {
    const budget = fc.integer({ min: 512, max: 5_000 });
    const times = fc.constantFrom(1, 10, 200);
    const errorInfo = { reason: 'NO_ORDER', domain: 'acme.dev', metadata: {} };
    let shortened = 0;
    fc.assert(
      fc.property(bags.status, times, budget, (bag, factor, bytes) => {
        const details = inflated({ errorInfo, ...bag.details }, factor) as ErrorDetails;
        const status = { ...bag, message: bag.message.repeat(factor), details };
        const fitted = fitDetails(status, bytes);
        expect(fitted.bytes.length).toBeLessThanOrEqual(bytes);
        expect(fitted.bytes).toStrictEqual(encodeStatus(fitted.status));
        expect(fitted.status.details.errorInfo).toBeDefined();
        expect(fitted.status.details.retryInfo).toStrictEqual(details.retryInfo);
        const isWhole = encodeStatus(status).length <= bytes;
        expect(truncated(fitted.status) === undefined).toBe(isWhole);
        if (!isWhole) shortened++;
      }),
      { numRuns: 500 },
    );
    expect(shortened).toBeGreaterThan(100);
  });

  it('is within 512 bytes with everything too long at once', () => {
    const long = 'x'.repeat(20_000);
    const metadata = Object.fromEntries(elements(50, (index) => [`key${index}`, long]));
    const details: ErrorDetails = {
      ...(inflated(GOLDEN, 1_000) as ErrorDetails),
      errorInfo: { reason: long, domain: long, metadata: { truncated: long, ...metadata } },
      retryInfo: { retryDelayMs: Infinity },
      badRequest: badRequest(10_000),
      other: elements(50, () => ({ typeUrl: long, value: Buffer.from(long) })),
    };
    const { bytes, status } = fitDetails({ code: -1, message: long, details }, 512);
    expect(bytes.length).toBeLessThanOrEqual(512);
    expect(status.details.errorInfo?.reason).toMatch(/^x+ … x+$/);
    expect(truncated(status)).toBe(
      'debugInfo,help,localizedMessage,other:50,badRequest:10000,preconditionFailure:1,' +
        'quotaFailure:2,requestInfo,resourceInfo,message,metadata:51,errorInfo',
    );
  });

  it('loses lists that are empty, too: a name takes 40 bytes', () => {
    const empty = { badRequest: { fieldViolations: [] }, quotaFailure: { violations: [] } };
    const { status } = fitDetails(statusOf(empty, 'x'.repeat(380)), 512);
    expect(Object.keys(status.details)).toStrictEqual(['errorInfo']);
    expect(status.message).toHaveLength(380);
  });

  it('loses first what matters least', () => {
    const order = [];
    let status = statusOf({
      ...GOLDEN,
      other: [{ typeUrl: 'acme.dev/T', value: new Uint8Array(40) }],
      badRequest: badRequest(1),
      quotaFailure: { violations: [{ subject: 's', description: 'd' }] },
      preconditionFailure: GOLDEN.preconditionFailure,
    });
    for (let budget = encodeStatus(status).length; budget >= 300; budget--) {
      const { metadata } = fitDetails(status, budget).status.details.errorInfo!;
      order.push(metadata['truncated']?.split(',').at(-1));
    }
    expect([...new Set(order)].slice(1)).toStrictEqual([
      'debugInfo',
      'help',
      'localizedMessage',
      'other:1',
      'badRequest:1',
      'preconditionFailure:1',
      'quotaFailure:1',
      'requestInfo',
      'resourceInfo',
    ]);
    status = statusOf({ errorInfo: { ...GOLDEN.errorInfo, metadata: { a: 'x'.repeat(80) } } });
    const long = { ...status, message: 'y'.repeat(200) };
    expect(truncated(fitDetails(long, 330).status)).toBe('message');
    expect(truncated(fitDetails(long, 220).status)).toBe('message,metadata:1');
  });

  it('keeps as many of the first violations as fit', () => {
    for (let budget = 600; budget < 700; budget++) {
      const { status } = fit({ badRequest: badRequest(50), help: GOLDEN.help }, budget);
      const kept = status.details.badRequest!.fieldViolations;
      expect(kept).toStrictEqual(fieldViolations(50).slice(0, kept.length));
      expect(truncated(status)).toBe(`help,badRequest:${50 - kept.length}`);
      const { errorInfo } = status.details;
      const oneMore = statusOf({ badRequest: badRequest(kept.length + 1), errorInfo: errorInfo! });
      expect(encodeStatus(oneMore).length).toBeGreaterThan(budget);
    }
  });

  it('loses the largest values of the metadata only', () => {
    const metadata = { small: 'a', large: 'x'.repeat(400), middle: 'y'.repeat(100), id: '4711' };
    const errorInfo = { reason: 'NO_ORDER', domain: 'acme.dev', metadata };
    const { large: _, ...kept } = metadata;
    expect(fit({ errorInfo }, 512).status.details.errorInfo).toStrictEqual({
      ...errorInfo,
      metadata: { ...kept, truncated: 'metadata:1' },
    });
  });

  it('says also what the service before had left out', () => {
    const before = fit({ badRequest: badRequest(80), debugInfo: GOLDEN.debugInfo }, 2_000).status;
    const after = fitDetails(before, 1_000).status;
    const left = 80 - after.details.badRequest!.fieldViolations.length;
    const [whole, first, second] = truncated(after)!.split(',');
    expect(whole).toBe('debugInfo');
    expect([first, second].map((mark) => Number(mark!.split(':')[1])).reduce((a, b) => a + b)).toBe(
      left,
    );
  });

  it('is shortened without an ErrorInfo too, in which nothing can be said', () => {
    const { status, bytes } = fitDetails(
      { code: 3, message: '', details: { badRequest: badRequest(100) } },
      600,
    );
    expect(bytes.length).toBeLessThanOrEqual(600);
    expect(Object.keys(status.details)).toStrictEqual(['badRequest']);
  });

  it('keeps metadata of which JavaScript knows no type', () => {
    const metadata = { none: null, id: 7, long: 'x'.repeat(900) } as never;
    const errorInfo = { reason: 'NO_ORDER', domain: 'acme.dev', metadata };
    const { bytes } = fit({ errorInfo }, 512);
    expect(decodeStatus(bytes)?.details.errorInfo?.metadata).toStrictEqual({
      id: '7',
      truncated: 'metadata:1',
    });
  });

  it('ends with a budget that nothing fits into', () => {
    const { status } = fit(GOLDEN, 0);
    expect(Object.keys(status.details)).toStrictEqual(['errorInfo', 'retryInfo']);
  });
});
