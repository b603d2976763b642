import type { StoredMessage } from '../../contracts/outbox-store.js';
import type { FailureRecord } from '../../core/settle-plan.js';

/** A row as the statements select it. Numbers that a library might round or parse come as text. */
export interface MessageRow {
  readonly seq: string;
  readonly lane: number;
  readonly message_id: string;
  readonly type: string;
  readonly key: string | null;
  readonly exchange: string | null;
  readonly routing_key: string | null;
  readonly content_type: string | null;
  readonly headers: string | null;
  readonly occurred_at: string;
  readonly payload: string | null;
  readonly payload_bytes: Uint8Array | null;
  /** Of waiting messages only. */
  readonly attempts?: number;
  readonly tries?: number;
  readonly history?: string;
}

export function fromRow(row: MessageRow, place: StoredMessage['place']): StoredMessage {
  const seq = Number(row.seq);
  return {
    place,
    seq,
    lane: row.lane,
    block: blockOf(row.key, seq),
    messageId: row.message_id,
    type: row.type,
    key: row.key,
    exchange: row.exchange,
    routingKey: row.routing_key,
    contentType: row.content_type,
    headers: row.headers,
    occurredAt: Number(row.occurred_at),
    payload: row.payload ?? (row.payload_bytes as Uint8Array),
    attempts: row.attempts ?? 0,
    tries: row.tries ?? 0,
    history: row.history === undefined ? [] : (JSON.parse(row.history) as FailureRecord[]),
  };
}

/** Whatever waits for whatever: all messages of a key, or a message without one for itself alone. */
function blockOf(key: string | null, seq: number): string {
  return key === null ? `#${seq}` : `=${key}`;
}
