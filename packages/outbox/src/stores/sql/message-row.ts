import type {
  MessageContent,
  ParkedMessage,
  PublishedMessage,
  StoredEntry,
  StoredMessage,
} from '../../contracts/messages.js';
import type { Redriven } from '../../contracts/outbox-store.js';
import { blockOf } from '../../core/block.js';
import type { FailureRecord } from '../../core/settle-plan.js';

/** What libraries make of a bigint. */
export type Bigint = string | number | bigint;

/** What the statements select of a stored message. */
export interface EntryRow {
  readonly seq: Bigint;
  readonly lane: number;
  readonly message_id: string;
  readonly type: string;
  readonly key: string | null;
  /** Of waiting messages only. */
  readonly attempts?: number;
  readonly tries?: number;
  readonly history?: string;
}

/** The same with what the message carries. */
export interface MessageRow extends EntryRow {
  readonly sequence: Bigint | null;
  readonly exchange: string | null;
  readonly routing_key: string | null;
  readonly content_type: string | null;
  readonly headers: string | null;
  readonly occurred_at: number;
  readonly payload: string | null;
  readonly payload_bytes: Uint8Array | null;
  /** Milliseconds since it was written, when the statement began; only where the relay reads it. */
  readonly age_ms?: number;
}

/** As the statements of parked messages select it. */
export interface ParkedRow extends MessageRow {
  readonly reason: string;
  readonly error: string;
  readonly parked_at: number;
}

export function entryOf(row: EntryRow, place: StoredEntry['place']): StoredEntry {
  const seq = Number(row.seq);
  return {
    place,
    seq,
    lane: row.lane,
    block: blockOf(row.key, seq),
    messageId: row.message_id,
    type: row.type,
    attempts: row.attempts ?? 0,
    tries: row.tries ?? 0,
    history: historyOf(row),
  };
}

/** `askedAt`: `performance.now()` before the statement. Written out, because it is done for every message: putting it together from parts takes three times as long. */
export function fromRow(
  row: MessageRow,
  place: StoredMessage['place'],
  askedAt: number,
): StoredMessage {
  const seq = Number(row.seq);
  return {
    place,
    seq,
    lane: row.lane,
    block: blockOf(row.key, seq),
    sequence: sequenceOf(row),
    messageId: row.message_id,
    type: row.type,
    addedAt: row.age_ms === undefined ? undefined : askedAt - Number(row.age_ms),
    key: row.key,
    exchange: row.exchange,
    routingKey: row.routing_key,
    contentType: row.content_type,
    headers: row.headers,
    occurredAt: row.occurred_at,
    payload: row.payload ?? (row.payload_bytes as Uint8Array),
    attempts: row.attempts ?? 0,
    tries: row.tries ?? 0,
    history: historyOf(row),
  };
}

export function parkedFromRow(row: ParkedRow): ParkedMessage {
  return {
    ...contentOf(row),
    attempts: row.attempts ?? 0,
    reason: row.reason,
    error: row.error,
    history: historyOf(row),
    parkedAt: row.parked_at,
  };
}

export function publishedFromRow(row: MessageRow): PublishedMessage {
  return { ...contentOf(row), seq: Number(row.seq), sequence: sequenceOf(row) };
}

/** Of a row that is always there. */
export function redrivenFromRow(row?: { count: Bigint; last: Bigint | null }): Redriven {
  const { count = 0, last = null } = row ?? {};
  return { count: Number(count), lastSeq: last === null ? undefined : Number(last) };
}

function sequenceOf({ sequence }: MessageRow): number | null {
  return sequence === null ? null : Number(sequence);
}

function contentOf(row: MessageRow): MessageContent {
  return {
    messageId: row.message_id,
    type: row.type,
    key: row.key,
    exchange: row.exchange,
    routingKey: row.routing_key,
    contentType: row.content_type,
    headers: row.headers,
    occurredAt: row.occurred_at,
    payload: row.payload ?? (row.payload_bytes as Uint8Array),
  };
}

const NONE: readonly FailureRecord[] = [];

function historyOf({ history }: EntryRow): readonly FailureRecord[] {
  return history === undefined ? NONE : (JSON.parse(history) as FailureRecord[]);
}
