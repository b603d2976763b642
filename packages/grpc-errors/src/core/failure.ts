import type { GrpcErrorCode } from './codes.js';
import type { ErrorDetails } from './details/types.js';

/** How a call that has failed is answered, whatever it failed with. */
export interface GrpcFailure {
  readonly code: GrpcErrorCode;
  /** Who gives the reason its meaning, where that is another service. */
  readonly domain?: string | undefined;
  /** Stable UPPER_SNAKE, as AIP-193 has it: what programs look at. */
  readonly reason: string;
  /** For people, and for callers to see. */
  readonly message: string;
  /** Facts about this failure, by name: what of the message changes from one to the next. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds after which another attempt makes sense. */
  readonly retryAfterMs?: number | undefined;
  /** Trailers of its own, as grpc-js has them. */
  readonly trailers?: unknown;
  /** More of the standard details. `errorInfo` and `retryInfo` are made of the above. */
  readonly details?: Omit<ErrorDetails, 'errorInfo' | 'retryInfo'> | undefined;
  /** Of an `HttpException`: what the application has written for callers of HTTP, where that is not for those of gRPC. */
  readonly overHttp?: { readonly message?: string; readonly body?: object } | undefined;
}

/** Says how an error is answered; undefined where it is none of those it knows. Never throws. */
export type FailureOf = (error: unknown) => GrpcFailure | undefined;
