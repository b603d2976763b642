import { GrpcCode, type GrpcErrorCode } from './codes.js';

/** What the same request can only meet again, however often it is sent (AIP-194). */
const FINAL: ReadonlySet<number> = new Set<GrpcErrorCode>([
  GrpcCode.INVALID_ARGUMENT,
  GrpcCode.NOT_FOUND,
  GrpcCode.ALREADY_EXISTS,
  GrpcCode.PERMISSION_DENIED,
  GrpcCode.FAILED_PRECONDITION,
  GrpcCode.OUT_OF_RANGE,
  GrpcCode.UNIMPLEMENTED,
  GrpcCode.DATA_LOSS,
  GrpcCode.UNAUTHENTICATED,
]);

export const isFinalCode = (code: GrpcErrorCode): boolean => FINAL.has(code);
