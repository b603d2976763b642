import { codeNameOf } from '../core/codes.js';
import type { ErrorDetails } from '../core/details/types.js';
import type { GrpcFailure } from '../core/failure.js';

/** How errors are written in the answers of REST doors: as RFC 9457 has it, or as AIP-193 does. */
export type HttpErrorFormat = 'problem+json' | 'aip193';

/** An answer to an HTTP request that has failed. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

/** @param own the domain of this application: of failures that do not say whose they are */
export function httpAnswer(
  given: GrpcFailure,
  status: number,
  own: string,
  format: HttpErrorFormat,
): HttpAnswer {
  const { overHttp, domain = own } = given;
  if (overHttp?.body)
    return { status, headers: { 'content-type': 'application/json' }, body: overHttp.body };
  const failure = { ...given, message: overHttp?.message ?? given.message };
  const headers: Record<string, string> = {
    'content-type': format === 'aip193' ? 'application/json' : 'application/problem+json',
  };
  const { retryAfterMs } = failure;
  if (retryAfterMs !== undefined) headers['retry-after'] = String(Math.ceil(retryAfterMs / 1_000));
  // The words of AIP-193 are in English, and those for people stand in its details.
  const localized = format === 'aip193' ? undefined : failure.details?.localizedMessage;
  if (localized) headers['content-language'] = localized.locale;
  const body =
    format === 'aip193' ? aip193(failure, status, domain) : problem(failure, status, domain);
  return { status, headers, body };
}

/** RFC 9457. No `type`: there is no page to look at, and `reason` is what programs look at. */
function problem(
  { code, reason, message, metadata, details }: GrpcFailure,
  status: number,
  domain: string,
): object {
  const violations = details?.badRequest?.fieldViolations;
  return {
    title: titleOf(reason),
    status,
    detail: details?.localizedMessage?.message ?? message,
    code: codeNameOf(code),
    reason,
    domain,
    ...(metadata && Object.keys(metadata).length > 0 && { metadata }),
    ...(violations && {
      errors: violations.map(({ field, description, reason: rule }) => ({
        field,
        detail: description,
        ...(rule && { reason: rule }),
      })),
    }),
  };
}

/** `ORDER_NOT_FOUND` → `Order not found`. */
function titleOf(reason: string): string {
  const words = reason.toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function aip193(
  { code, reason, message, metadata = {}, retryAfterMs, details = {} }: GrpcFailure,
  status: number,
  domain: string,
): object {
  const all: ErrorDetails = details;
  const written = [
    { '@type': `${TYPES}ErrorInfo`, reason, domain, metadata },
    all.badRequest && { '@type': `${TYPES}BadRequest`, ...all.badRequest },
    all.preconditionFailure && {
      '@type': `${TYPES}PreconditionFailure`,
      ...all.preconditionFailure,
    },
    all.quotaFailure && { '@type': `${TYPES}QuotaFailure`, ...all.quotaFailure },
    retryAfterMs !== undefined && {
      '@type': `${TYPES}RetryInfo`,
      retryDelay: `${retryAfterMs / 1_000}s`,
    },
    all.requestInfo && { '@type': `${TYPES}RequestInfo`, ...all.requestInfo },
    all.localizedMessage && { '@type': `${TYPES}LocalizedMessage`, ...all.localizedMessage },
  ].filter(Boolean);
  return { error: { code: status, message, status: codeNameOf(code), details: written } };
}

const TYPES = 'type.googleapis.com/google.rpc.';
