import 'reflect-metadata';
import { decisionFor, NonRetryableError, STATUS, statusOf } from '@acme/nest-message-context';
import {
  GrpcCode,
  GrpcError,
  RemoteError,
  GrpcErrorsConfigurationError,
  GrpcErrorsError,
  isGrpcErrorsError,
} from '@acme/nest-grpc-errors';
import { describe, expect, it } from 'vitest';

@GrpcError({ code: 'UNAVAILABLE', reason: 'WAREHOUSE_CLOSED', retryAfter: '2s' })
class WarehouseClosedError extends Error {}

@GrpcError({ code: 'FAILED_PRECONDITION' })
class StrikeError extends WarehouseClosedError {}

describe('@GrpcError()', () => {
  it('says the same to those who do not speak gRPC', () => {
    expect(statusOf(new WarehouseClosedError())).toEqual({
      http: 503,
      grpc: 14,
      reason: 'WAREHOUSE_CLOSED',
      retryAfterMs: 2_000,
      isFinal: false,
    });
    expect(statusOf(new StrikeError())).toEqual({
      http: 400,
      grpc: 9,
      reason: 'STRIKE',
      isFinal: true,
    });
    // A consumer of RabbitMQ tries the one again, and parks the other.
    expect(decisionFor(new WarehouseClosedError())).toMatchObject({
      action: 'retry',
      afterMs: 2_000,
    });
    expect(decisionFor(new StrikeError('on strike'))).toEqual({
      action: 'park',
      code: 'STRIKE',
      reason: 'on strike',
    });
  });

  it.each([
    ['CANCELLED', 'retry'],
    ['UNKNOWN', 'retry'],
    ['INVALID_ARGUMENT', 'park'],
    ['DEADLINE_EXCEEDED', 'retry'],
    ['NOT_FOUND', 'park'],
    ['ALREADY_EXISTS', 'park'],
    ['PERMISSION_DENIED', 'park'],
    ['RESOURCE_EXHAUSTED', 'retry'],
    ['FAILED_PRECONDITION', 'park'],
    ['ABORTED', 'retry'],
    ['OUT_OF_RANGE', 'park'],
    ['UNIMPLEMENTED', 'park'],
    ['INTERNAL', 'retry'],
    ['UNAVAILABLE', 'retry'],
    ['DATA_LOSS', 'park'],
    ['UNAUTHENTICATED', 'park'],
  ] as const)(
    'has a consumer of RabbitMQ do with %s what it does with that of grpc-js: %s',
    (code, action) => {
      @GrpcError({ code, reason: 'SOME_REASON' })
      class SomeError extends Error {}
      const failure = { code: GrpcCode[code], message: 'm', path: '/a.B/C', details: {} };
      const ofGrpcJs = Object.assign(new Error('m'), { code: GrpcCode[code], details: 'm' });
      const decided = [new SomeError('m'), new RemoteError(failure), ofGrpcJs].map(
        (error) => decisionFor(error).action,
      );
      expect(decided).toEqual([action, action, action]);
    },
  );

  it('is not for a signal, which says itself how it is answered', () => {
    class SoldError extends NonRetryableError {}
    expect(() => GrpcError({ code: 'NOT_FOUND' })(SoldError)).toThrow('it is an outcome signal');
  });

  it('has no pause where the function that says it fails', () => {
    @GrpcError({
      code: 'UNAVAILABLE',
      retryAfter: () => {
        throw new Error('no clock');
      },
    })
    class ClocklessError extends Error {}
    expect(new ClocklessError()[STATUS as never]).toMatchObject({
      http: 503,
      retryAfterMs: undefined,
    });
  });

  it.each([
    [{ code: 'GONE' }, /code: "GONE" is no status of an error/],
    [{ code: 'OK' }, /code: "OK" is no status of an error/],
    [
      { code: 'NOT_FOUND', reason: 'no such thing' },
      /reason: "no such thing" must be UPPER_SNAKE_CASE/,
    ],
    [{ code: 'NOT_FOUND', metadata: ['Order-Id'] }, /metadata: "Order-Id" must be/],
    [{ code: 'NOT_FOUND', retryAfter: 'soon' }, /retryAfter: "soon" is not a duration/],
    [{ code: 'NOT_FOUND', retry: true }, /retry: there is no such option/],
  ])('refuses what nobody could rely on: %j', (rule, said) => {
    class SomeError extends Error {}
    let thrown: unknown;
    try {
      GrpcError(rule as never)(SomeError);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(GrpcErrorsConfigurationError);
    expect(thrown).toBeInstanceOf(GrpcErrorsError);
    expect(isGrpcErrorsError(thrown, 'GRPC_ERRORS_CONFIGURATION')).toBe(true);
    expect(String(thrown)).toMatch(said);
    expect(String(thrown)).toContain('@GrpcError() on SomeError');
  });
});
