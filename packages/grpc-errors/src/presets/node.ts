import { GrpcCode } from '../core/codes.js';
import type { FailureOf, GrpcFailure } from '../core/failure.js';
import { textIn } from '../core/read-safely.js';

const CONNECTION = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_SOCKET',
]);

const away: GrpcFailure = {
  code: GrpcCode.UNAVAILABLE,
  reason: 'DEPENDENCY_UNAVAILABLE',
  // Its own words name hosts and ports.
  message: 'Something that this service needs cannot be reached.',
};
const aborted: GrpcFailure = {
  code: GrpcCode.CANCELLED,
  reason: 'CANCELLED',
  message: 'The call was cancelled.',
};
const late: GrpcFailure = {
  code: GrpcCode.DEADLINE_EXCEEDED,
  reason: 'DEADLINE_EXCEEDED',
  message: 'It took longer than it may.',
};

/** What Node, `fetch` and `AbortSignal` throw. */
export const nodeFailure: FailureOf = (error) => {
  const code = textIn(error, 'code');
  if (code !== undefined && CONNECTION.has(code)) return away;
  const name = textIn(error, 'name');
  if (name === 'AbortError') return aborted;
  return name === 'TimeoutError' ? late : undefined;
};
