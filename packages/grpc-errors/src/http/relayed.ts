import { isRemoteError } from '../client/remote-error.js';
import type { FailureOf } from '../core/failure.js';
import { GrpcCode, type GrpcErrorCode } from '../core/codes.js';
import { passedOn, wordsFor } from '../presets/upstream.js';

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
  // Without a reason it is the client's own.
  return passedOn(error, error.domain === undefined ? wordsFor(error.code) : error.message);
};
