import { STATUS, type ErrorStatus } from '@acme/nest-message-context';
import { codeNameOf, GrpcCode, type GrpcCodeName, type GrpcErrorCode } from '../core/codes.js';
import type { ErrorDetails } from '../core/details/types.js';
import { isFinalCode } from '../core/final-codes.js';
import { httpStatusOfCode } from '../core/http-codes.js';

const BRAND = Symbol.for('@acme/nest-grpc-errors:remote-error');

/** What is known of a call that has failed. */
export interface RemoteFailure {
  readonly code: GrpcErrorCode;
  readonly message: string;
  /** `/order.v1.OrderService/GetOrder`. */
  readonly path: string;
  readonly details: ErrorDetails;
}

/**
 * Another service has refused a call, or could not be reached. Catch it by its class, `RemoteNotFoundError`, or by `reason` and `domain`. Thrown on out of a
 * handler, it is not relayed: your callers learn that something that you need has failed.
 */
export class RemoteError extends Error {
  readonly [BRAND] = true;
  /** Status code of gRPC. */
  declare readonly code: GrpcErrorCode;
  /** Its name: `NOT_FOUND`. */
  declare readonly status: GrpcCodeName;
  /** Stable UPPER_SNAKE of the other service; the name of the code where it has sent none. */
  declare readonly reason: string;
  /** Who gives the reason its meaning; undefined where none was sent. */
  declare readonly domain: string | undefined;
  /** Facts of this failure. */
  declare readonly metadata: Readonly<Record<string, string>>;
  /** The standard details, as far as they were sent. */
  declare readonly details: ErrorDetails;
  /** `/order.v1.OrderService/GetOrder`. */
  declare readonly path: string;
  /** How it is to be treated on other transports: by a consumer of RabbitMQ, or at a REST door. */
  declare readonly [STATUS]: ErrorStatus;

  constructor({ code, message, path, details }: RemoteFailure, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    const { errorInfo } = details;
    this.code = code;
    this.status = codeNameOf(code)!;
    this.reason = errorInfo?.reason || this.status;
    this.domain = errorInfo?.domain || undefined;
    this.metadata = errorInfo?.metadata ?? {};
    this.details = details;
    this.path = path;
    const { retryAfterMs, reason } = this;
    const isFinal = isFinalCode(code);
    this[STATUS] = { http: httpStatusOfCode(code), grpc: code, reason, retryAfterMs, isFinal };
  }

  /** Milliseconds after which the other service would be asked again; undefined where it has not said. */
  get retryAfterMs(): number | undefined {
    return this.details.retryInfo?.retryDelayMs;
  }
}

/** True for a `RemoteError`, also of another installed copy of this package. */
export const isRemoteError = (error: unknown): error is RemoteError =>
  typeof error === 'object' && error !== null && BRAND in error;

/** The caller has given up, or its own caller has. */
export class RemoteCancelledError extends RemoteError {}
/** It has failed in a way that its service has no words for. */
export class RemoteUnknownError extends RemoteError {}
/** The request is not valid: see `details.badRequest`. */
export class RemoteInvalidArgumentError extends RemoteError {}
/** There was no answer in time. What was asked may have been done all the same. */
export class RemoteDeadlineExceededError extends RemoteError {}
/** There is no such thing. */
export class RemoteNotFoundError extends RemoteError {}
/** It is there already. */
export class RemoteAlreadyExistsError extends RemoteError {}
/** This caller may not do that. */
export class RemotePermissionDeniedError extends RemoteError {}
/** A limit is reached: see `retryAfterMs`, `details.quotaFailure`. */
export class RemoteResourceExhaustedError extends RemoteError {}
/** Something else has to happen first: see `details.preconditionFailure`. */
export class RemoteFailedPreconditionError extends RemoteError {}
/** Something else came in between: begin anew. */
export class RemoteAbortedError extends RemoteError {}
/** It is beyond the end. */
export class RemoteOutOfRangeError extends RemoteError {}
/** The other service does not have that. */
export class RemoteUnimplementedError extends RemoteError {}
/** Something is broken in there. */
export class RemoteInternalError extends RemoteError {}
/** The other service cannot be reached, or does not take requests at the moment. */
export class RemoteUnavailableError extends RemoteError {}
/** Data is lost or damaged. */
export class RemoteDataLossError extends RemoteError {}
/** It is not known who the caller is. */
export class RemoteUnauthenticatedError extends RemoteError {}

/** The class of each code. */
export const REMOTE_ERRORS: Readonly<Record<GrpcErrorCode, typeof RemoteError>> = {
  [GrpcCode.CANCELLED]: RemoteCancelledError,
  [GrpcCode.UNKNOWN]: RemoteUnknownError,
  [GrpcCode.INVALID_ARGUMENT]: RemoteInvalidArgumentError,
  [GrpcCode.DEADLINE_EXCEEDED]: RemoteDeadlineExceededError,
  [GrpcCode.NOT_FOUND]: RemoteNotFoundError,
  [GrpcCode.ALREADY_EXISTS]: RemoteAlreadyExistsError,
  [GrpcCode.PERMISSION_DENIED]: RemotePermissionDeniedError,
  [GrpcCode.RESOURCE_EXHAUSTED]: RemoteResourceExhaustedError,
  [GrpcCode.FAILED_PRECONDITION]: RemoteFailedPreconditionError,
  [GrpcCode.ABORTED]: RemoteAbortedError,
  [GrpcCode.OUT_OF_RANGE]: RemoteOutOfRangeError,
  [GrpcCode.UNIMPLEMENTED]: RemoteUnimplementedError,
  [GrpcCode.INTERNAL]: RemoteInternalError,
  [GrpcCode.UNAVAILABLE]: RemoteUnavailableError,
  [GrpcCode.DATA_LOSS]: RemoteDataLossError,
  [GrpcCode.UNAUTHENTICATED]: RemoteUnauthenticatedError,
};
