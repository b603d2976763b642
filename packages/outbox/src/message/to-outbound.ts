import { Buffer } from 'node:buffer';
import type { OutboundMessage } from '@acme/nest-message-context';
import type { StoredMessage } from '../contracts/outbox-store.js';
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
    headers: decodeHeaders(row.headers),
    contentType: row.contentType ?? (isText ? 'application/json' : undefined),
    timestamp: row.occurredAt,
  };
}
