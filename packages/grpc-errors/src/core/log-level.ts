import { GrpcCode, type GrpcErrorCode } from './codes.js';

/** How loud a call that has failed is told of: `log` what callers do wrong, `warn` what somebody should look at, `error` what is broken here. */
export type FailureLevel = 'log' | 'warn' | 'error';

/** As the interceptors of go-grpc-middleware have it. */
const LOUD: ReadonlySet<number> = new Set<GrpcErrorCode>([
  GrpcCode.UNKNOWN,
  GrpcCode.UNIMPLEMENTED,
  GrpcCode.INTERNAL,
  GrpcCode.DATA_LOSS,
]);

const QUIET: ReadonlySet<number> = new Set<GrpcErrorCode>([
  GrpcCode.CANCELLED,
  GrpcCode.INVALID_ARGUMENT,
  GrpcCode.NOT_FOUND,
  GrpcCode.ALREADY_EXISTS,
  GrpcCode.UNAUTHENTICATED,
]);

export const failureLevelOf = (code: GrpcErrorCode): FailureLevel =>
  LOUD.has(code) ? 'error' : QUIET.has(code) ? 'log' : 'warn';
