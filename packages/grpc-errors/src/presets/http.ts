import { codeNameOf } from '../core/codes.js';
import type { FailureOf } from '../core/failure.js';
import { codeOfHttpStatus } from '../core/http-codes.js';
import { callSafely, readSafely, textIn } from '../core/read-safely.js';

const REFUSED = 'The request was refused.';

/** Nest's `HttpException` and its like, by shape (two copies of Nest in one process are common), and what body parsers throw. */
export const httpFailure: FailureOf = (error) => {
  const status = callSafely(error, 'getStatus') ?? parserStatus(error);
  if (typeof status !== 'number') return undefined;
  const code = codeOfHttpStatus(status);
  const response = callSafely(error, 'getResponse');
  const own = reasonIn(response);
  const words = wordsOf(error, response);
  // What is wrong inside is not for other services; at a REST door it was written for whoever reads it.
  const isInside = status >= 500;
  return {
    code,
    reason: own ?? codeNameOf(code)!,
    message: isInside ? `The request failed (HTTP ${status}).` : words,
    overHttp: {
      ...(own === undefined && isBody(response) && { body: response }),
      ...(isInside && isWritten(response) && { message: words }),
    },
  };
};

/** Nest takes over the words of an error that somebody has put in, and shows them to nobody. */
const isWritten = (response: unknown): boolean =>
  response !== undefined && !(response instanceof Error);

/** All of an answer, of a health check for instance. */
const isBody = (response: unknown): response is object =>
  typeof response === 'object' &&
  response !== null &&
  isWritten(response) &&
  readSafely(response, 'message') === undefined;

/** Of http-errors: they say whether they may be shown. */
export function parserStatus(error: unknown): number | undefined {
  const status = readSafely(error, 'statusCode');
  const isOne = typeof readSafely(error, 'expose') === 'boolean' && typeof status === 'number';
  return isOne && status >= 400 && status <= 599 ? status : undefined;
}

function wordsOf(error: unknown, response: unknown): string {
  if (response instanceof Error) return REFUSED;
  const words = readSafely(response, 'message');
  if (Array.isArray(words)) return words.join('; ');
  return textIn(response, 'message') ?? textIn(error, 'message') ?? REFUSED;
}

const REASON = /^[A-Z][A-Z0-9_]{0,61}[A-Z0-9]$/;

/** A code of its own, where somebody has given it one. */
function reasonIn(response: unknown): string | undefined {
  const code = textIn(response, 'code') ?? textIn(response, 'errorCode');
  return code !== undefined && REASON.test(code) ? code : undefined;
}
