import { HttpException, IntrinsicException } from '@nestjs/common';
import {
  RPC_ANSWER,
  SIGNAL,
  signalOf,
  STATUS,
  statusOf,
  type ErrorStatus,
  type SettleDecision,
} from '@acme/nest-message-context';
import { isTransactionError } from '@acme/nest-transaction';
import { isIdempotencyError } from '../idempotency.errors.js';
import type { IdempotencyDefaults } from '../idempotency.options.js';

/** An error as it is kept: what its caller was answered, and what became of its message. Not its class, nor its stack. */
export interface StoredError {
  readonly message: string;
  readonly code?: string | number | undefined;
  readonly http?: { readonly status: number; readonly response: string | object } | undefined;
  readonly rpc?: object | undefined;
  readonly status?: ErrorStatus | undefined;
  readonly signal?: SettleDecision | undefined;
}

/** Statuses that say "not now": kept, they would be said for ever. */
const CURABLE: readonly number[] = [408, 409, 425, 429];

/** HTTP's word for a gRPC code, where that is not the caller's fault 500. */
const HTTP_OF_GRPC: Readonly<Record<number, number>> = {
  3: 400,
  5: 404,
  6: 409,
  7: 403,
  9: 400,
  11: 400,
  12: 501,
  16: 401,
};

/** The error as it is kept, where it is final; undefined: the next attempt may run. */
export function finalError(
  error: unknown,
  storeIf: IdempotencyDefaults['storeIf'],
): StoredError | undefined {
  // What says that nothing is known is never final.
  if (!storeIf || isTransactionError(error) || isIdempotencyError(error)) return undefined;
  // Nor what asks for another attempt: kept, its message would come again for ever.
  if (['retry', 'requeue'].includes(signalOf(error)?.action ?? '')) return undefined;
  const status = httpStatusOf(error);
  if (status === undefined || status >= 500 || CURABLE.includes(status)) return undefined;
  return storeIf(status, error) ? storedError(error) : undefined;
}

/** An error that answers as the kept one did. */
export function errorOf({ message, code, http, rpc, status, signal }: StoredError): Error {
  // Nest writes down every error that it does not know, unless it is intrinsic: this one was when it was thrown.
  const error = http
    ? new HttpException(http.response, http.status)
    : new IntrinsicException(message);
  error.message = message;
  // The shape of "http-errors", in which Nest answers errors that are no HttpException.
  const answered = !http &&
    status && { statusCode: status.http, status: status.http, expose: true };
  // By getError() whoever settles the message knows that its sender was answered, and so that it is to blame.
  const getError = rpc && (() => rpc);
  const given = { code, [STATUS]: status, [SIGNAL]: signal, [RPC_ANSWER]: rpc, getError };
  return Object.assign(error, answered, dropUndefined(given));
}

function storedError(error: unknown): StoredError {
  const { message, code } = error as Error & { code?: unknown };
  return dropUndefined({
    message: String(message),
    code: typeof code === 'string' || typeof code === 'number' ? code : undefined,
    http: httpOf(error),
    rpc: rpcAnswerOf(error),
    status: statusOf(error),
    signal: signalOf(error),
  });
}

/** The status of HTTP that an error answers with, or would on that transport; undefined: nobody has said. */
export function httpStatusOf(error: unknown): number | undefined {
  const own = statusOf(error)?.http ?? httpOf(error)?.status;
  if (own !== undefined) return own;
  const answer = rpcAnswerOf(error);
  if (answer === undefined) return undefined;
  const { statusCode, status, code } = answer as Readonly<Record<string, unknown>>;
  const named = [statusCode, status].find((value) => Number.isInteger(value));
  if (named !== undefined) return named as number;
  // Who throws a gRPC code means it; who throws a text blames the message.
  return typeof code === 'number' ? (HTTP_OF_GRPC[code] ?? 500) : 400;
}

/** Of an `HttpException`, by shape: two copies of Nest in one process are common. */
function httpOf(error: unknown): StoredError['http'] | undefined {
  const like = error as Partial<Pick<HttpException, 'getStatus' | 'getResponse'>> | undefined;
  return typeof like?.getStatus === 'function' && typeof like.getResponse === 'function'
    ? { status: like.getStatus(), response: like.getResponse() }
    : undefined;
}

/** Of an `RpcException`, as Nest's own filter answers it. */
function rpcAnswerOf(error: unknown): object | undefined {
  const like = error as { getError?: () => string | object } | undefined;
  if (typeof like?.getError !== 'function') return undefined;
  const answer = like.getError();
  return typeof answer === 'object' ? answer : { status: 'error', message: answer };
}

function dropUndefined<T extends object>(value: T): T {
  return Object.fromEntries(
    Reflect.ownKeys(value).flatMap((key) => {
      const member = value[key as keyof T];
      return member === undefined ? [] : [[key, member] as const];
    }),
  ) as T;
}
