import fc from 'fast-check';
import { GoogleError } from 'google-gax';
import * as nice from 'nice-grpc-error-details';
import { describe, expect, it } from 'vitest';
import { decodeStatus, encodeStatus } from '../../src/core/details/status-codec.js';
import * as bags from './support/bags.internal.js';
import { GOLDEN } from './support/golden-values.internal.js';
import * as proto from './support/proto.internal.js';

/** No length limit of theirs and no rule of ours is in question here: only the bytes. */
describe('protobufjs, with the proto files of Google', () => {
  it('reads what we write', () => {
    fc.assert(
      fc.property(bags.status, ({ code, message, details }) => {
        const read = proto.decodePacked(encodeStatus({ code, message, details }));
        expect([read.code, read.message]).toStrictEqual([code, message]);
        const slots = new Map(read.details.map(({ typeUrl, value }) => [typeUrl, value!]));
        for (const slot of Object.keys(proto.SLOTS) as proto.Slot[]) {
          const value = slots.get(proto.typeUrlOf(slot));
          const sent = details[slot];
          expect(value && proto.decodeDetail(slot, value)).toStrictEqual(
            sent && proto.throughProto(slot, sent),
          );
        }
        const others = read.details.slice(read.details.length - (details.other?.length ?? 0));
        expect(
          others.map(({ typeUrl, value }) => ({ typeUrl, value: new Uint8Array(value!) })),
        ).toStrictEqual(details.other ?? []);
      }),
    );
  });

  it('writes what we read', () => {
    fc.assert(
      fc.property(bags.status, ({ code, message, details }) => {
        const { other = [], ...standard } = details;
        const packed = Object.entries(standard).map(([slot, value]) => ({
          typeUrl: proto.typeUrlOf(slot as proto.Slot),
          value: proto.encodeDetail(slot as proto.Slot, value),
        }));
        const bytes = proto.encodePacked({ code, message, details: [...packed, ...other] });
        expect(decodeStatus(bytes)).toStrictEqual({ code, message, details });
      }),
    );
  });
});

describe('nice-grpc-error-details', () => {
  const trace = { typeUrl: 'type.googleapis.com/acme.Trace', value: Uint8Array.of(1, 2) };

  /** What its client middleware makes of the trailer that a server of ours would send. */
  async function readByNice(bytes: Buffer): Promise<nice.RichClientError> {
    const fail = (_: unknown, options: { onTrailer?: (trailer: never) => void }) => {
      options.onTrailer?.({ get: () => bytes } as never);
      throw new nice.RichClientError('/orders/Get', 5, 'no order', []);
    };
    const call = nice.errorDetailsClientMiddleware({ next: fail } as never, {} as never);
    return (await call.next().catch((error: unknown) => error)) as nice.RichClientError;
  }

  /** The trailer that its server middleware sends. */
  async function writtenByNice(details: nice.ErrorDetails[]): Promise<Uint8Array> {
    const trailers = new Map<string, Uint8Array>();
    const fail = () => {
      throw new nice.RichServerError(5, 'no order', details);
    };
    const call = nice.errorDetailsServerMiddleware(
      { next: fail } as never,
      { trailer: trailers } as never,
    );
    await call.next().catch(() => undefined);
    return trailers.get('grpc-status-details-bin')!;
  }

  it('reads what we write', async () => {
    const details = {
      errorInfo: GOLDEN.errorInfo,
      retryInfo: GOLDEN.retryInfo,
      debugInfo: GOLDEN.debugInfo,
      preconditionFailure: GOLDEN.preconditionFailure,
      requestInfo: GOLDEN.requestInfo,
      resourceInfo: GOLDEN.resourceInfo,
      help: GOLDEN.help,
      localizedMessage: GOLDEN.localizedMessage,
      other: [trace],
    };
    const error = await readByNice(encodeStatus({ code: 5, message: 'no order', details }));
    const read = new Map(error.extra.map((one) => [one.$type.split('.').at(-1), one as object]));
    expect(read.get('ErrorInfo')).toMatchObject(GOLDEN.errorInfo);
    expect(read.get('RetryInfo')).toMatchObject({
      retryDelay: { seconds: 90, nanos: 250_000_000 },
    });
    expect(read.get('DebugInfo')).toMatchObject(GOLDEN.debugInfo);
    expect(read.get('PreconditionFailure')).toMatchObject(GOLDEN.preconditionFailure);
    expect(read.get('RequestInfo')).toMatchObject(GOLDEN.requestInfo);
    expect(read.get('ResourceInfo')).toMatchObject(GOLDEN.resourceInfo);
    expect(read.get('Help')).toMatchObject(GOLDEN.help);
    expect(read.get('LocalizedMessage')).toMatchObject(GOLDEN.localizedMessage);
    expect(read.get('Any')).toMatchObject({ typeUrl: trace.typeUrl });
  });

  it('reads of the fields that are newer than it what it knows', async () => {
    const { badRequest, quotaFailure } = GOLDEN;
    const error = await readByNice(
      encodeStatus({ code: 3, message: '', details: { badRequest, quotaFailure } }),
    );
    expect(error.extra).toMatchObject([
      { fieldViolations: badRequest.fieldViolations.map(({ field }) => ({ field })) },
      { violations: quotaFailure.violations.map(({ subject }) => ({ subject })) },
    ]);
  });

  it('writes what we read', async () => {
    const fieldViolations = [{ field: 'email', description: 'no @' }];
    const violations = [{ subject: 'tenant:7', description: 'too many' }];
    const bytes = await writtenByNice([
      nice.ErrorInfo.fromPartial(GOLDEN.errorInfo),
      nice.RetryInfo.fromPartial({ retryDelay: { seconds: 90, nanos: 249_000_001 } }),
      nice.DebugInfo.fromPartial(GOLDEN.debugInfo),
      nice.QuotaFailure.fromPartial({ violations }),
      nice.PreconditionFailure.fromPartial(GOLDEN.preconditionFailure),
      nice.BadRequest.fromPartial({ fieldViolations }),
      nice.RequestInfo.fromPartial(GOLDEN.requestInfo),
      nice.ResourceInfo.fromPartial(GOLDEN.resourceInfo),
      nice.Help.fromPartial(GOLDEN.help),
      nice.LocalizedMessage.fromPartial(GOLDEN.localizedMessage),
      nice.Any.fromPartial(trace),
    ]);
    expect(decodeStatus(bytes)).toStrictEqual({
      code: 5,
      message: 'no order',
      details: {
        ...GOLDEN,
        quotaFailure: { violations },
        badRequest: { fieldViolations },
        other: [trace],
      },
    });
  });
});

describe('google-gax', () => {
  it('reads what we write', () => {
    const details = { ...GOLDEN, other: [] };
    const trailer = encodeStatus({ code: 5, message: 'no order', details });
    const error = new GoogleError('no order');
    error.metadata = { get: () => [trailer] } as never;
    GoogleError.parseGRPCStatusDetails(error);
    expect(error).toMatchObject({
      reason: GOLDEN.errorInfo.reason,
      domain: GOLDEN.errorInfo.domain,
      errorInfoMetadata: GOLDEN.errorInfo.metadata,
    });
    expect(error.statusDetails).toHaveLength(10);
    expect(error.statusDetails).toContainEqual(expect.objectContaining(GOLDEN.debugInfo));
    expect(error.statusDetails).toContainEqual(expect.objectContaining(GOLDEN.help));
  });
});
