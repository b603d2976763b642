import { Metadata } from '@grpc/grpc-js';
import { HeaderNames, type MessageContext } from '@acme/nest-message-context';
import { readSafely } from '../core/read-safely.js';
import type { GrpcCallOptions } from './grpc-service.types.js';

/** Of the trace that a message belongs to. An instrumentation that is there puts its own in their place. */
const TRACE = ['traceparent', 'tracestate', 'baggage'] as const;

/**
 * What goes out with a call: what the message that is being handled passes on (correlation, tenant, user, trace), then what the caller wants. Nothing else of what came
 * in goes out, least of all who has called.
 */
export function outboundMetadata(
  context: MessageContext | undefined,
  { metadata: own, idempotencyKey }: Pick<GrpcCallOptions, 'metadata' | 'idempotencyKey'>,
): Metadata {
  const metadata = isMetadata(own) ? copyOf(own) : new Metadata();
  if (context) {
    const headers = context.outboundHeaders();
    for (const name in headers) set(metadata, name, headers[name]);
    for (const name of TRACE) set(metadata, name, context.message.headers.get(name));
  }
  if (own && !isMetadata(own))
    for (const [name, value] of Object.entries(own)) metadata.set(name, value);
  if (idempotencyKey !== undefined) metadata.set(HeaderNames.idempotencyKey, idempotencyKey);
  return metadata;
}

/** By shape: two copies of grpc-js in one process are common. */
const isMetadata = (own: unknown): own is Metadata =>
  typeof readSafely(own, 'getMap') === 'function' &&
  typeof readSafely(own, 'toJSON') === 'function';

function copyOf(own: Metadata): Metadata {
  const copy = new Metadata();
  for (const name of Object.keys(own.toJSON()))
    for (const value of own.get(name)) copy.add(name, value);
  return copy;
}

const PRINTABLE = /^[\x20-\x7e]*$/;

/** What HTTP/2 does not carry would fail the call, and was not asked for. */
function set(metadata: Metadata, name: string, value: string | undefined): void {
  if (value !== undefined && PRINTABLE.test(value) && metadata.get(name).length === 0)
    metadata.set(name, value);
}
