import type { OutboxStatus } from '../../contracts/messages.js';
import type { Bigint } from './message-row.js';

/** As the statements select it. */
export interface StatusRow {
  readonly pending: Bigint;
  readonly oldest_age_ms: Bigint;
  readonly delayed: Bigint;
  readonly waiting: Bigint;
  readonly blocked: Bigint;
  readonly parked: Bigint;
  readonly published: Bigint;
  readonly lanes: Bigint;
  readonly held_lanes: Bigint;
  readonly relays: Bigint;
}

export function statusFromRow(row: StatusRow): OutboxStatus {
  return {
    pending: Number(row.pending),
    oldestAgeMs: Number(row.oldest_age_ms),
    delayed: Number(row.delayed),
    waiting: Number(row.waiting),
    blocked: Number(row.blocked),
    parked: Number(row.parked),
    published: Number(row.published),
    lanes: Number(row.lanes),
    heldLanes: Number(row.held_lanes),
    relays: Number(row.relays),
  };
}
