import { codeNameOf, GrpcCode, isErrorCode, type GrpcErrorCode } from '../core/codes.js';
import type { FailureOf } from '../core/failure.js';
import { isRemoteError } from '../client/remote-error.js';
import { readSafely } from '../core/read-safely.js';

/** What of an answer that we got from another service says that it, or the way to it, is down. */
const AWAY: ReadonlySet<number> = new Set<GrpcErrorCode>([
  GrpcCode.UNAVAILABLE,
  GrpcCode.DEADLINE_EXCEEDED,
  GrpcCode.CANCELLED,
  GrpcCode.RESOURCE_EXHAUSTED,
]);

/**
 * What another service has answered us with, as our client or grpc-js throws it. It is not our answer: that something is "not found" there does not
 * mean that what our caller has asked for is, and its words and trailers were not meant for him.
 */
export const upstreamFailure: FailureOf = (error) => {
  const code = readSafely(error, 'code');
  const isAnswer = isRemoteError(error) || typeof readSafely(error, 'details') === 'string';
  if (!isAnswer || !isErrorCode(code)) return undefined;
  return AWAY.has(code)
    ? {
        code: GrpcCode.UNAVAILABLE,
        reason: 'DEPENDENCY_UNAVAILABLE',
        message: 'A service that this one needs does not answer.',
      }
    : {
        code: GrpcCode.INTERNAL,
        reason: `DEPENDENCY_${codeNameOf(code)!}`,
        message: 'A service that this one needs has refused.',
      };
};
