import * as api from '@acme/nest-idempotency';
import { expect, it } from 'vitest';

it('exports what is documented, and nothing else', () => {
  expect(Object.keys(api).sort()).toEqual([
    'IdempotencyAttemptsExhaustedError',
    'IdempotencyConfigurationError',
    'IdempotencyError',
    'IdempotencyEvents',
    'IdempotencyInfo',
    'IdempotencyKeyInUseError',
    'IdempotencyKeyInvalidError',
    'IdempotencyKeyRequiredError',
    'IdempotencyKeyReusedError',
    'IdempotencyLeaseLostError',
    'IdempotencyModule',
    'IdempotencyPrincipalRequiredError',
    'IdempotencyRecordUnreadableError',
    'IdempotencyReplyNotKeptError',
    'IdempotencyResultNotPlainError',
    'IdempotencyService',
    'IdempotencyStoreUnavailableError',
    'IdempotencyStreamUnsupportedError',
    'Idempotent',
    'InMemoryIdempotencyStore',
    'MariaDbIdempotencyStore',
    'PostgresIdempotencyStore',
    'RedisIdempotencyStore',
    'TransactionUnusedError',
    'isIdempotencyError',
  ]);
});

it.each([
  [new api.IdempotencyKeyRequiredError('the header'), 400],
  [new api.IdempotencyKeyInvalidError('it is blank'), 400],
  [new api.IdempotencyKeyInUseError(1_000), 409],
  [new api.IdempotencyKeyReusedError(), 422],
  [new api.IdempotencyPrincipalRequiredError(), 401],
  [new api.IdempotencyStoreUnavailableError('Redis', new Error('down')), 503],
  [new api.IdempotencyLeaseLostError('it ran out'), 503],
  [new api.IdempotencyStreamUnsupportedError('A.b'), 501],
  [new api.IdempotencyResultNotPlainError('A.b', 'an instance of C'), 500],
  [new api.IdempotencyReplyNotKeptError(), 409],
  [new api.IdempotencyAttemptsExhaustedError('A.b', 3), 422],
  [new api.IdempotencyRecordUnreadableError('A.b', '00', new Error('no')), 500],
  [new api.TransactionUnusedError('A.b'), 500],
])('%s answers HTTP by itself', (error, status) => {
  expect(error.getStatus()).toBe(status);
  expect(error.getResponse()).toEqual({
    statusCode: status,
    code: error.code,
    message: error.message,
  });
  expect(error).toBeInstanceOf(api.IdempotencyError);
  expect(api.isIdempotencyError(error, error.code)).toBe(true);
  expect(api.isIdempotencyError(new Error(error.message))).toBe(false);
});
