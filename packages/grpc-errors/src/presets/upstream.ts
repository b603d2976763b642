import { codeNameOf, GrpcCode, isErrorCode, type GrpcErrorCode } from '../core/codes.js';
import type { FailureOf, GrpcFailure } from '../core/failure.js';
import { isRemoteError, type RemoteError } from '../client/remote-error.js';
import { remoteErrorOf } from '../client/remote-errors.js';
import { readSafely, textIn } from '../core/read-safely.js';

/** What becomes of the answer of another service that a handler has let through: see `GrpcErrorsModuleOptions.relay`. */
export type GrpcRelay = 'map' | 'opaque' | 'transparent';

/** What of an answer that we got from another service says that it, or the way to it, is down. */
const AWAY: ReadonlySet<number> = new Set<GrpcErrorCode>([
  GrpcCode.UNAVAILABLE,
  GrpcCode.DEADLINE_EXCEEDED,
  GrpcCode.CANCELLED,
  GrpcCode.RESOURCE_EXHAUSTED,
]);

/** Whether another service has answered with it, as our client or grpc-js throws it. */
export function isUpstream(error: unknown): boolean {
  const isAnswer = isRemoteError(error) || typeof readSafely(error, 'details') === 'string';
  return isAnswer && isErrorCode(readSafely(error, 'code'));
}

/** Whether grpc-js has made it of such an answer, which is known by its words: a status that somebody has made himself has a code and details as well. */
export function isServiceError(error: unknown): boolean {
  if (!isUpstream(error)) return false;
  const code = readSafely(error, 'code') as GrpcErrorCode;
  const words = `${code} ${codeNameOf(code)!}: ${textIn(error, 'details')}`;
  return isRemoteError(error) || textIn(error, 'message') === words;
}

/**
 * What another service has answered us with is not our answer: that something is "not found" there does not mean that what our caller has asked for is, and its words
 * and trailers were not meant for him.
 */
export const upstreamFailure: FailureOf = (error) => {
  if (!isUpstream(error)) return undefined;
  const code = readSafely(error, 'code') as GrpcErrorCode;
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

/** The same, as it was: for services that stand before others, and have no words of their own. */
export const transparentFailure: FailureOf = (error) => {
  if (!isUpstream(error)) return undefined;
  const remote = isRemoteError(error)
    ? error
    : (remoteErrorOf(error, '', new Map()) as RemoteError);
  // These grpc-js says itself as well, with hosts and ports.
  const isOwn = remote.domain === undefined && AWAY.has(remote.code);
  return passedOn(remote, isOwn ? wordsFor(remote.code) : remote.message);
};

/** An answer of another service as one of ours. Neither its trailers, nor what is for its developers. */
export function passedOn(remote: RemoteError, message: string): GrpcFailure {
  const { code, reason, domain, metadata, retryAfterMs } = remote;
  const { errorInfo: _, retryInfo: __, debugInfo: ___, ...details } = remote.details;
  return { code, reason, domain, message, metadata, retryAfterMs, details };
}

/** In place of what the client says itself: of connections, and of where to. */
export function wordsFor(code: GrpcErrorCode): string {
  if (code === GrpcCode.UNAVAILABLE) return 'The service that this is for does not answer.';
  if (code === GrpcCode.DEADLINE_EXCEEDED) return 'The service that this is for took too long.';
  return code === GrpcCode.CANCELLED ? 'The request was given up.' : 'The request was refused.';
}
