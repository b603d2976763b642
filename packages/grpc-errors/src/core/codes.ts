/**
 * The status codes of gRPC. Which one to choose: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
 */
export const GrpcCode = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** Name of a status code. */
export type GrpcCodeName = keyof typeof GrpcCode;

/** A status code of a call that has failed, 1 to 16. */
export type GrpcErrorCode = Exclude<(typeof GrpcCode)[GrpcCodeName], 0>;

const NAMES = Object.keys(GrpcCode) as GrpcCodeName[];

/** Name of a code; undefined of a number that is none. */
export const codeNameOf = (code: number): GrpcCodeName | undefined => NAMES[code];

/** Whether a call that has failed may have this code. Others break clients: 0 is "no message", 99 is sent as it is. */
export const isErrorCode = (code: unknown): code is GrpcErrorCode =>
  Number.isInteger(code) && (code as number) >= 1 && (code as number) <= 16;
