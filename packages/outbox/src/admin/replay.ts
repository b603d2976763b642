import { randomUUID } from 'node:crypto';
import { HeaderNames, type HeaderValue } from '@acme/nest-message-context';
import type { NewMessage, PublishedMessage } from '../contracts/messages.js';
import { decodeHeaders, encodeHeaders } from '../message/headers-codec.js';

/** A message that was published, to be published again: the same for whoever knows it already, and marked. */
export function toReplayed(
  { seq: _seq, sequence, ...message }: PublishedMessage,
  replayId: string,
  newIds: boolean,
): NewMessage {
  const headers = decodeHeaders(message.headers);
  headers[HeaderNames.redriveId] = replayId;
  headers[HeaderNames.redriveCount] = countOf(headers[HeaderNames.redriveCount]) + 1;
  // It tells of what it told of then, and is not the newest of its key.
  if (sequence !== null) headers[HeaderNames.sequence] = sequence;
  if (newIds) delete headers[HeaderNames.idempotencyKey];
  return {
    ...message,
    headers: encodeHeaders(headers),
    messageId: newIds ? randomUUID() : message.messageId,
    due: null,
  };
}

/** Whether this replay has added it. */
export function isOfReplay({ headers }: PublishedMessage, replayId: string): boolean {
  return headers !== null && decodeHeaders(headers)[HeaderNames.redriveId] === replayId;
}

function countOf(value: HeaderValue | undefined): number {
  return typeof value === 'number' ? value : 0;
}
