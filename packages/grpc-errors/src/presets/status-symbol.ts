import { statusOf } from '@acme/nest-message-context';
import { GrpcCode, isErrorCode } from '../core/codes.js';
import type { FailureOf } from '../core/failure.js';
import { textIn } from '../core/read-safely.js';

/** An error that says itself how it wants to be answered, on every transport. */
export const statusSymbolFailure: FailureOf = (error) => {
  const status = statusOf(error);
  if (!status) return undefined;
  const { grpc, reason, retryAfterMs } = status;
  return {
    code: isErrorCode(grpc) ? grpc : GrpcCode.INTERNAL,
    reason,
    message: textIn(error, 'message') ?? reason,
    retryAfterMs,
  };
};
