import type { Metadata } from '@grpc/grpc-js';
import type { MessageContext } from '@acme/nest-message-context';
import { givenMetadata } from './given-metadata.js';
import type { GrpcCallOptions } from './grpc-service.types.js';

/** Of the trace that a message belongs to. An instrumentation that is there puts its own in their place. */
const TRACE = ['traceparent', 'tracestate', 'baggage'] as const;

/**
 * What goes out with a call: what the message that is being handled passes on (correlation, tenant, user, trace), unless the caller wants something else there, and what
 * the caller wants. Nothing else of what came in goes out, least of all who has called.
 *
 * @throws {TypeError} for what the caller wants, and no metadata can carry
 */
export function outboundMetadata(
  context: MessageContext | undefined,
  given: Pick<GrpcCallOptions, 'metadata' | 'idempotencyKey'>,
): Metadata {
  const metadata = givenMetadata(given);
  if (!context) return metadata;
  const headers = context.outboundHeaders();
  for (const name in headers) set(metadata, name, headers[name]);
  for (const name of TRACE) set(metadata, name, context.message.headers.get(name));
  return metadata;
}

const PRINTABLE = /^[\x20-\x7e]*$/;

/** What HTTP/2 does not carry would fail the call, and was not asked for. */
function set(metadata: Metadata, name: string, value: string | undefined): void {
  if (value !== undefined && PRINTABLE.test(value) && metadata.get(name).length === 0)
    metadata.set(name, value);
}
