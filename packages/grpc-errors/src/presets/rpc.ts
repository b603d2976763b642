import { codeNameOf, GrpcCode, isErrorCode } from '../core/codes.js';
import type { FailureOf } from '../core/failure.js';
import { callSafely, readSafely, textIn } from '../core/read-safely.js';

/** Nest's words for a guard that says no, which are all that tells it from others. */
const FORBIDDEN = 'Forbidden resource';

/** Nest's `RpcException`, and the `GrpcException` of Nest 12, by shape. Somebody chose these words for the caller. */
export const rpcFailure: FailureOf = (error) => {
  if (typeof readSafely(error, 'getError') !== 'function') return undefined;
  const said = callSafely(error, 'getError');
  if (said === FORBIDDEN)
    return { code: GrpcCode.PERMISSION_DENIED, reason: 'PERMISSION_DENIED', message: FORBIDDEN };
  // Another error in it is what happened: whoever looks for causes finds it.
  if (said instanceof Error) return undefined;
  const own = readSafely(said, 'code') ?? readSafely(error, 'code');
  const code = isErrorCode(own) ? own : GrpcCode.UNKNOWN;
  const message =
    (typeof said === 'string' && said !== '' ? said : undefined) ??
    // As grpc-js has it.
    textIn(said, 'details') ??
    textIn(said, 'message') ??
    textIn(error, 'message') ??
    'The call failed.';
  const trailers = readSafely(said, 'metadata') ?? readSafely(error, 'metadata');
  return { code, reason: codeNameOf(code)!, message, trailers };
};
