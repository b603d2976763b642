import type { ErrorStatus } from '@acme/nest-message-context';
import { parseDuration } from '@acme/nest-message-context/kit';
import { GrpcCode, type GrpcErrorCode } from '../core/codes.js';
import { isFinalCode } from '../core/final-codes.js';
import { httpStatusOfCode } from '../core/http-codes.js';
import type { ResolvedRule } from './apply-rule.js';

/** What the rule says of an error to those who do not speak gRPC. Never throws: it is read while something else is being dealt with. */
export function statusBy({ code, reason, retryAfter }: ResolvedRule, error: unknown): ErrorStatus {
  const grpc = GrpcCode[code] as GrpcErrorCode;
  const retryAfterMs = pauseBy(retryAfter, error);
  return { http: httpStatusOfCode(grpc), grpc, reason, retryAfterMs, isFinal: isFinalCode(grpc) };
}

function pauseBy(retryAfter: ResolvedRule['retryAfter'], error: unknown): number | undefined {
  try {
    return parseDuration(
      typeof retryAfter === 'function' ? retryAfter(error as never) : retryAfter,
    );
  } catch {
    return undefined;
  }
}
