import { GrpcCode, type GrpcErrorCode } from './codes.js';

/** HTTP status of each code, as google.rpc.Code names it. */
const HTTP_OF: Readonly<Record<GrpcErrorCode, number>> = {
  [GrpcCode.CANCELLED]: 499,
  [GrpcCode.UNKNOWN]: 500,
  [GrpcCode.INVALID_ARGUMENT]: 400,
  [GrpcCode.DEADLINE_EXCEEDED]: 504,
  [GrpcCode.NOT_FOUND]: 404,
  [GrpcCode.ALREADY_EXISTS]: 409,
  [GrpcCode.PERMISSION_DENIED]: 403,
  [GrpcCode.RESOURCE_EXHAUSTED]: 429,
  [GrpcCode.FAILED_PRECONDITION]: 400,
  [GrpcCode.ABORTED]: 409,
  [GrpcCode.OUT_OF_RANGE]: 400,
  [GrpcCode.UNIMPLEMENTED]: 501,
  [GrpcCode.INTERNAL]: 500,
  [GrpcCode.UNAVAILABLE]: 503,
  [GrpcCode.DATA_LOSS]: 500,
  [GrpcCode.UNAUTHENTICATED]: 401,
};

export const httpStatusOfCode = (code: GrpcErrorCode): number => HTTP_OF[code];

/**
 * Code of an HTTP status that our own side has thrown. Not the table of the transport, by which proxies turn 400 into INTERNAL and 404 into
 * UNIMPLEMENTED: that one is about answers of somebody who does not speak gRPC.
 */
const CODE_OF: Readonly<Record<number, GrpcErrorCode>> = {
  400: GrpcCode.INVALID_ARGUMENT,
  401: GrpcCode.UNAUTHENTICATED,
  403: GrpcCode.PERMISSION_DENIED,
  404: GrpcCode.NOT_FOUND,
  405: GrpcCode.UNIMPLEMENTED,
  408: GrpcCode.DEADLINE_EXCEEDED,
  409: GrpcCode.ALREADY_EXISTS,
  410: GrpcCode.NOT_FOUND,
  412: GrpcCode.FAILED_PRECONDITION,
  413: GrpcCode.RESOURCE_EXHAUSTED,
  416: GrpcCode.OUT_OF_RANGE,
  422: GrpcCode.INVALID_ARGUMENT,
  423: GrpcCode.FAILED_PRECONDITION,
  428: GrpcCode.FAILED_PRECONDITION,
  429: GrpcCode.RESOURCE_EXHAUSTED,
  499: GrpcCode.CANCELLED,
  500: GrpcCode.INTERNAL,
  501: GrpcCode.UNIMPLEMENTED,
  502: GrpcCode.UNAVAILABLE,
  503: GrpcCode.UNAVAILABLE,
  504: GrpcCode.DEADLINE_EXCEEDED,
};

export const codeOfHttpStatus = (status: number): GrpcErrorCode =>
  CODE_OF[status] ??
  (status >= 400 && status < 500 ? GrpcCode.INVALID_ARGUMENT : GrpcCode.INTERNAL);
