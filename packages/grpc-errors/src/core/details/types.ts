/**
 * The standard details of an error, from google/rpc/error_details.proto. A text that the other side left out is `''`;
 * a property marked optional is not there.
 */

/** Why it failed, for programs. Every error has one (AIP-193). */
export interface ErrorInfo {
  /** Constant of the domain, `ORDER_NOT_FOUND`. */
  readonly reason: string;
  /** Who defines the reason, `orders.example.com`. */
  readonly domain: string;
  /** The variable parts of the message. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** When the same call may be tried again. */
export interface RetryInfo {
  /** Milliseconds, whole: a fraction is rounded up, so that nobody comes too early. Less than 0 is 0. */
  readonly retryDelayMs: number;
}

/** For developers; never sent to strangers. */
export interface DebugInfo {
  readonly stackEntries: readonly string[];
  readonly detail: string;
}

/** Which limits the call exceeded. */
export interface QuotaFailure {
  readonly violations: readonly QuotaViolation[];
}

/**
 * One limit. The two values are 64-bit integers on the wire and numbers here: a `bigint` would break `JSON.stringify`,
 * that is the log of the error. What is beyond `Number.MAX_SAFE_INTEGER` becomes `MAX_SAFE_INTEGER`: limits of that
 * size mean "none".
 */
export interface QuotaViolation {
  readonly subject: string;
  readonly description: string;
  readonly apiService?: string;
  readonly quotaMetric?: string;
  readonly quotaId?: string;
  readonly quotaDimensions?: Readonly<Record<string, string>>;
  readonly quotaValue?: number;
  readonly futureQuotaValue?: number;
}

/** What has to be put right before the call can succeed. */
export interface PreconditionFailure {
  readonly violations: readonly PreconditionViolation[];
}

/** One condition: `type` says which kind, `TERMS_OF_SERVICE`, and `subject` of what. */
export interface PreconditionViolation {
  readonly type: string;
  readonly subject: string;
  readonly description: string;
}

/** Which fields of the request are wrong. */
export interface BadRequest {
  readonly fieldViolations: readonly FieldViolation[];
}

/** One field: `field` is its path in the message, `items[2].sku`. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
  readonly reason?: string;
  readonly localizedMessage?: LocalizedMessage;
}

/** By what the server finds the call again. */
export interface RequestInfo {
  readonly requestId: string;
  readonly servingData: string;
}

/** What the call was about. */
export interface ResourceInfo {
  readonly resourceType: string;
  readonly resourceName: string;
  readonly owner: string;
  readonly description: string;
}

/** Where to read on. */
export interface Help {
  readonly links: readonly HelpLink[];
}

/** One link: an absolute URL and plain text. */
export interface HelpLink {
  readonly description: string;
  readonly url: string;
}

/** The message for people, in their language. */
export interface LocalizedMessage {
  /** BCP 47, `de-CH`. */
  readonly locale: string;
  readonly message: string;
}

/** A detail of a type that is not standard, as `google.protobuf.Any` carries it. */
export interface AnyDetail {
  /** `type.googleapis.com/<full name of the message>` */
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

/** The details of an error: at most one of each standard type (AIP-193). */
export interface ErrorDetails {
  readonly errorInfo?: ErrorInfo;
  readonly retryInfo?: RetryInfo;
  readonly debugInfo?: DebugInfo;
  readonly quotaFailure?: QuotaFailure;
  readonly preconditionFailure?: PreconditionFailure;
  readonly badRequest?: BadRequest;
  readonly requestInfo?: RequestInfo;
  readonly resourceInfo?: ResourceInfo;
  readonly help?: Help;
  readonly localizedMessage?: LocalizedMessage;
  /** Everything else, passed on as it came: unknown types, unreadable details, the second of a standard type. */
  readonly other?: readonly AnyDetail[];
}

/** google.rpc.Status: what the trailer `grpc-status-details-bin` holds. */
export interface RichStatus {
  readonly code: number;
  readonly message: string;
  readonly details: ErrorDetails;
}
