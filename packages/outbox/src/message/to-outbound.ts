import { Buffer } from 'node:buffer';
import { HeaderNames, type HeaderValue, type OutboundMessage } from '@acme/nest-message-context';
import type { StoredMessage } from '../contracts/messages.js';
import { decodeHeaders } from './headers-codec.js';

/** A stored message as the publisher gets it: always bytes, so that what is sent is what was added, to the last digit. */
export function toOutbound(row: StoredMessage): OutboundMessage {
  const isText = typeof row.payload === 'string';
  return {
    type: row.type,
    payload: isText ? Buffer.from(row.payload as string) : row.payload,
    exchange: row.exchange ?? undefined,
    routingKey: row.routingKey ?? undefined,
    key: row.key ?? undefined,
    messageId: row.messageId,
    headers: headersOf(row),
    contentType: row.contentType ?? (isText ? 'application/json' : undefined),
    timestamp: row.occurredAt,
  };
}

/**
 * Consumers recognise a copy of an event by the idempotency key. Given here and not with `add()`, so that rows written by
 * others have it too. A producer that sends several messages about one event gives them a common one.
 */
function headersOf({ headers: stored, messageId, sequence }: StoredMessage): Headers {
  const headers = stored === null ? {} : decodeHeaders(stored);
  if (sequence !== null) headers[HeaderNames.sequence] = sequence;
  if (!isGiven(headers, HeaderNames.idempotencyKey))
    headers[HeaderNames.idempotencyKey] = messageId;
  return headers;
}

/** In whatever case. */
function isGiven(headers: Headers, wanted: string): boolean {
  if (headers[wanted] !== undefined) return true;
  for (const name in headers) {
    if (name.length === wanted.length && name.toLowerCase() === wanted) return true;
  }
  return false;
}

type Headers = Record<string, HeaderValue>;
