import { catchError, throwError, type Observable } from 'rxjs';
import type { MessageContext } from '../../context/message-context.js';
import type { GrpcCallLike } from '../grpc/grpc-facts.js';
import { STATUS_DETAILS, statusDetails } from '../grpc/status-details.js';
import { HeaderNames } from '../../wire/header-names.js';
import { httpStatusOf } from '../../delivery/decide.js';
import { isOverdue } from '../../delivery/overdue.js';
import { rpcErrorOf } from '../../delivery/rpc-error-of.js';
import { RPC_ANSWER, statusOf, type ErrorStatus } from '../../wire/status.js';
import { readSafely } from '../../read-safely.js';

/**
 * Answers an RPC caller with the status that the thrown error carries, where no exception filter mapped it: Nest's own
 * turns everything it does not know into "Internal server error". What a filter of the user made of it is left alone.
 */
export function answeringByStatus<T>(reply: Observable<T>, context: MessageContext): Observable<T> {
  return reply.pipe(catchError((error: unknown) => throwError(() => answerFor(error, context))));
}

function answerFor(error: unknown, { message }: MessageContext): unknown {
  const { thrown } = message;
  if (!thrown || !(error === thrown.error || isNestsFallback(error))) return error;
  const answer = readSafely(thrown.error, RPC_ANSWER);
  if (answer !== undefined) return answer;
  const status = statusOf(thrown.error);
  if (message.transport !== 'grpc')
    // Nest calls a refused validation an internal error as well.
    return status || httpStatusOf(thrown.error) !== undefined || isOverdue(message)
      ? rpcErrorOf(thrown.error, message)
      : error;
  if (!status) return error;
  const text = thrown.error instanceof Error ? thrown.error.message : status.reason;
  return grpcAnswer(status, text, message.raw as GrpcCallLike);
}

function isNestsFallback(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { status, message } = error as { status?: unknown; message?: unknown };
  return status === 'error' && message === 'Internal server error';
}

/** What grpc-js sends as status; the trailers carry the reason and, for retrying clients, when to come back. */
function grpcAnswer(status: ErrorStatus, text: string, call: GrpcCallLike) {
  const { grpc, reason, retryAfterMs } = status;
  // grpc-js accepts only its own Metadata, and the user's copy of it is the right one.
  const Metadata = call.metadata.constructor as new () => {
    set(key: string, value: string | Buffer): void;
  };
  const metadata = new Metadata();
  metadata.set(HeaderNames.errorCode, reason);
  metadata.set(STATUS_DETAILS, statusDetails(status, text));
  if (retryAfterMs !== undefined)
    metadata.set('grpc-retry-pushback-ms', String(Math.ceil(retryAfterMs)));
  return { code: grpc, details: text, message: text, metadata };
}
