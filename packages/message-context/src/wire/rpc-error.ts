import { readSafely } from '../read-safely.js';
import type { ErrorStatus } from './status.js';

/**
 * How a request that failed is answered over AMQP: as `err` of Nest's reply, or, where the request was no packet of Nest's, as the
 * whole reply.
 */
export interface RpcErrorBody {
  readonly status: 'error';
  /** Stable UPPER_SNAKE reason, the same on every transport. */
  readonly code: string;
  /** HTTP status code, 400–599. */
  readonly statusCode: number;
  readonly message: string;
  /** Milliseconds after which another attempt makes sense. */
  readonly retryAfterMs?: number | undefined;
}

/** The answer that an error with this status has. */
export function rpcErrorBody(
  { reason, http, retryAfterMs }: ErrorStatus,
  message: string,
): RpcErrorBody {
  const hint = retryAfterMs === undefined ? {} : { retryAfterMs };
  return { status: 'error', code: reason, statusCode: http, message, ...hint };
}

/** Whether a reply is an error. Asks for all of its fields, since a reply may well have a `status` of its own. */
export function isRpcErrorBody(reply: unknown): reply is RpcErrorBody {
  return (
    readSafely(reply, 'status') === 'error' &&
    typeof readSafely(reply, 'code') === 'string' &&
    typeof readSafely(reply, 'statusCode') === 'number' &&
    typeof readSafely(reply, 'message') === 'string'
  );
}

/** What such an answer says, for whoever passes it on: over gRPC, or to another caller. */
export const statusOfRpcError = ({
  code,
  statusCode,
  retryAfterMs,
}: RpcErrorBody): ErrorStatus => ({
  http: statusCode,
  grpc: GRPC_OF_HTTP[statusCode] ?? (statusCode < 500 ? FAILED_PRECONDITION : INTERNAL),
  reason: code,
  ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
});

const FAILED_PRECONDITION = 9;
const INTERNAL = 13;

/** As google.rpc.Code names the HTTP status of each code, read backwards. */
const GRPC_OF_HTTP: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  408: 4,
  409: 10,
  429: 8,
  499: 1,
  501: 12,
  503: 14,
  504: 4,
};
