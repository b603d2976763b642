import type { InboundMessage } from '../context/inbound-message.js';
import { callSafely, readSafely, textOf } from '../read-safely.js';
import { rpcErrorBody, type RpcErrorBody } from '../wire/rpc-error.js';
import { RPC_ANSWER, statusOf } from '../wire/status.js';
import { codeOf, httpStatusOf, numberIn, rpcPayloadOf } from './decide.js';
import { isOverdue, LATE } from './overdue.js';

/**
 * How the caller of `message` is answered, which failed with `error`, where Nest itself has no word for it. What carries no status was not meant
 * for callers, and may tell them what they are not to know: they get "Internal server error". Never throws.
 */
export function rpcErrorOf(error: unknown, message: InboundMessage): unknown {
  const answer = readSafely(error, RPC_ANSWER);
  if (answer !== undefined) return answer;
  const status = statusOf(error);
  if (status) return rpcErrorBody(status, textOf(error));
  const http = httpStatusOf(error);
  if (http !== undefined) return { ...INTERNAL, ...said(error, http), message: wordsOf(error) };
  const payload = rpcPayloadOf(error);
  // What its signal has ended has no status of its own.
  if (payload === undefined) return isOverdue(message) ? TOO_LATE : INTERNAL;
  const statusCode = numberIn(payload, ['statusCode', 'status'], 400, 599);
  return { ...INTERNAL, ...said(error, statusCode), message: textOf(payload) };
}

const INTERNAL: RpcErrorBody = {
  status: 'error',
  code: 'INTERNAL',
  statusCode: 500,
  message: 'Internal server error',
};

const TOO_LATE = rpcErrorBody(LATE, 'The request was not handled in its time.');

const said = (error: unknown, statusCode = 500) => ({
  code: codeOf(error, statusCode, undefined),
  statusCode,
});

/** Nest's validation says what is wrong in a list, and `message` of the error itself only that something is. */
function wordsOf(error: unknown): string {
  const words = readSafely(callSafely(error, 'getResponse'), 'message');
  return Array.isArray(words) ? words.join('; ') : textOf(error);
}
