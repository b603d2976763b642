import { HeaderNames, type GrpcCallLike } from '@acme/nest-message-context';
import type { GrpcErrorCode } from '../core/codes.js';
import { fitDetails } from '../core/details/fit-details.js';
import type { ErrorDetails } from '../core/details/types.js';
import type { GrpcFailure } from '../core/failure.js';
import { trailersOf, type MetadataLike } from './trailers.js';
import { statusMessage } from '../core/text/status-message.js';

/** Where gRPC libraries of all languages look for a `google.rpc.Status` with details. */
const STATUS_DETAILS = 'grpc-status-details-bin';
/** Where grpc-js and others look for when to try again. */
const PUSHBACK = 'grpc-retry-pushback-ms';

const PRINTABLE = /^[\x20-\x7e]*$/;

/** What grpc-js sends as the status of a call. */
export interface WireStatus {
  readonly code: GrpcErrorCode;
  readonly details: string;
  readonly message: string;
  readonly metadata: MetadataLike;
}

export interface WireSettings {
  /** Who gives the reasons their meaning. */
  readonly domain: string;
  readonly messageBytes: number;
  readonly detailsBytes: number;
}

/** A failure as grpc-js sends it, within limits that clients of all languages take. */
export function wireStatus(
  failure: GrpcFailure,
  call: GrpcCallLike,
  { domain, messageBytes, detailsBytes }: WireSettings,
): WireStatus {
  const { code, reason, retryAfterMs } = failure;
  const message = statusMessage(failure.message, messageBytes);
  const errorInfo = {
    reason,
    domain: failure.domain ?? domain,
    metadata: failure.metadata ?? {},
  };
  const own: ErrorDetails =
    retryAfterMs === undefined
      ? { errorInfo }
      : { errorInfo, retryInfo: { retryDelayMs: retryAfterMs } };
  // Spread into a literal, V8 would make an object of it that is read several times more slowly.
  const details: ErrorDetails = Object.assign({}, failure.details, own);
  const { bytes } = fitDetails({ code, message, details }, detailsBytes);
  const metadata = trailersOf(failure.trailers, call);
  const add = (key: string, value: string | Buffer): void => {
    // What somebody has set himself is his.
    if (metadata.get(key).length === 0) metadata.set(key, value);
  };
  add(STATUS_DETAILS, bytes);
  if (PRINTABLE.test(reason)) add(HeaderNames.errorCode, reason);
  if (retryAfterMs !== undefined) add(PUSHBACK, String(Math.ceil(retryAfterMs)));
  return { code, details: message, message, metadata };
}
