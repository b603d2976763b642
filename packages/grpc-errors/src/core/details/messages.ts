/**
 * The messages of google/rpc/status.proto and google/rpc/error_details.proto, field by field. A missing or wrong row
 * here is a detail that nobody can read: each is checked against the proto files by tests.
 */
import { bytes, int32, int64, many, map, message, one, text } from './schema.js';
import type * as details from './types.js';

const optional = { optional: true };

/** google.protobuf.Duration */
export interface WireDuration {
  readonly seconds: number;
  readonly nanos: number;
}

/** google.rpc.RetryInfo as it is on the wire. */
export interface WireRetryInfo {
  readonly retryDelay?: WireDuration;
}

/** google.rpc.Status as it is on the wire. */
export interface WireStatus {
  readonly code: number;
  readonly message: string;
  readonly details: readonly details.AnyDetail[];
}

/** google.protobuf.Any */
export const ANY = message<details.AnyDetail>(text(1, 'typeUrl'), bytes(2, 'value'));

export const STATUS = message<WireStatus>(
  int32(1, 'code'),
  text(2, 'message'),
  many(3, 'details', ANY),
);

export const ERROR_INFO = message<details.ErrorInfo>(
  text(1, 'reason'),
  text(2, 'domain'),
  map(3, 'metadata'),
);

export const RETRY_INFO = message<WireRetryInfo>(
  one(1, 'retryDelay', message<WireDuration>(int64(1, 'seconds'), int32(2, 'nanos'))),
);

export const DEBUG_INFO = message<details.DebugInfo>(
  text(1, 'stackEntries', { repeated: true }),
  text(2, 'detail'),
);

export const QUOTA_FAILURE = message<details.QuotaFailure>(
  many(
    1,
    'violations',
    message<details.QuotaViolation>(
      text(1, 'subject'),
      text(2, 'description'),
      text(3, 'apiService', optional),
      text(4, 'quotaMetric', optional),
      text(5, 'quotaId', optional),
      map(6, 'quotaDimensions', optional),
      int64(7, 'quotaValue', optional),
      int64(8, 'futureQuotaValue', { optional: true, explicit: true }),
    ),
  ),
);

export const PRECONDITION_FAILURE = message<details.PreconditionFailure>(
  many(
    1,
    'violations',
    message<details.PreconditionViolation>(
      text(1, 'type'),
      text(2, 'subject'),
      text(3, 'description'),
    ),
  ),
);

export const LOCALIZED_MESSAGE = message<details.LocalizedMessage>(
  text(1, 'locale'),
  text(2, 'message'),
);

export const BAD_REQUEST = message<details.BadRequest>(
  many(
    1,
    'fieldViolations',
    message<details.FieldViolation>(
      text(1, 'field'),
      text(2, 'description'),
      text(3, 'reason', optional),
      one(4, 'localizedMessage', LOCALIZED_MESSAGE),
    ),
  ),
);

export const REQUEST_INFO = message<details.RequestInfo>(
  text(1, 'requestId'),
  text(2, 'servingData'),
);

export const RESOURCE_INFO = message<details.ResourceInfo>(
  text(1, 'resourceType'),
  text(2, 'resourceName'),
  text(3, 'owner'),
  text(4, 'description'),
);

export const HELP = message<details.Help>(
  many(1, 'links', message<details.HelpLink>(text(1, 'description'), text(2, 'url'))),
);
