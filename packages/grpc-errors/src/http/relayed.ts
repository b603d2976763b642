import { isRemoteError } from '../client/remote-error.js';
import type { FailureOf } from '../core/failure.js';
import { GrpcCode, type GrpcErrorCode } from '../core/codes.js';

/** What says that something behind the door is broken, and not what the request asks for. */
const INSIDE: ReadonlySet<number> = new Set<GrpcErrorCode>([
  GrpcCode.UNKNOWN,
  GrpcCode.INTERNAL,
  GrpcCode.DATA_LOSS,
  GrpcCode.UNIMPLEMENTED,
  GrpcCode.UNAUTHENTICATED,
]);

/**
 * What the service behind a REST door has answered, as the answer of the door: it is there to pass that on. Not what is broken behind it, nor that the door
 * itself is not known there.
 */
export const relayedFailure: FailureOf = (error) => {
  if (!isRemoteError(error) || INSIDE.has(error.code)) return undefined;
  const { code, reason, domain, message, metadata, details, retryAfterMs } = error;
  const { badRequest, preconditionFailure, quotaFailure, requestInfo } = details;
  return {
    code,
    reason,
    domain,
    // Without a reason it is the client's own: of connections, and of where to.
    message: domain === undefined ? wordsFor(code) : message,
    metadata,
    retryAfterMs,
    details: {
      ...(badRequest && { badRequest }),
      ...(preconditionFailure && { preconditionFailure }),
      ...(quotaFailure && { quotaFailure }),
      ...(requestInfo && { requestInfo }),
    },
  };
};

function wordsFor(code: GrpcErrorCode): string {
  if (code === GrpcCode.UNAVAILABLE) return 'The service that this is for does not answer.';
  if (code === GrpcCode.DEADLINE_EXCEEDED) return 'The service that this is for took too long.';
  return code === GrpcCode.CANCELLED ? 'The request was given up.' : 'The request was refused.';
}
