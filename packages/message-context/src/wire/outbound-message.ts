/** A message on its way out, the same shape for every publisher and for the outbox. */
export interface OutboundMessage {
  /** Event or command name, with its version: `order.placed.v1`. Becomes the AMQP property `type`. */
  readonly type: string;
  /** Sent as JSON, unless it is a `Uint8Array`: bytes go out as they are. */
  readonly payload: unknown;
  /** Default: the publisher's exchange. `''` is the broker's default exchange. */
  readonly exchange?: string | undefined;
  /** Default: `type`. */
  readonly routingKey?: string | undefined;
  /** Messages of one key keep their order. */
  readonly key?: string | undefined;
  /** Default: a new UUID. Stable across retries of one message: consumers recognise duplicates by it. */
  readonly messageId?: string | undefined;
  /** Sent in addition to the context's own headers, and stronger than they. */
  readonly headers?: Readonly<Record<string, HeaderValue>> | undefined;
  /** Default: `application/json`, for bytes `application/octet-stream`. */
  readonly contentType?: string | undefined;
  /** Unix milliseconds; default: now. */
  readonly timestamp?: number | undefined;
}

/** What a header may hold on every transport. */
export type HeaderValue = string | number | boolean | Uint8Array;
