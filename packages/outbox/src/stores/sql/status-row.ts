import type { OutboxStatus } from '../../contracts/messages.js';

/** As the statements select it. */
export interface StatusRow {
  readonly pending: number;
  readonly oldest_age_ms: number;
  readonly delayed: number;
  readonly waiting: number;
  readonly blocked: number;
  readonly parked: number;
  readonly published: number;
  readonly lanes: number;
  readonly held_lanes: number;
  readonly relays: number;
}

export function statusFromRow(row: StatusRow): OutboxStatus {
  const { oldest_age_ms, held_lanes, ...counts } = row;
  return { ...counts, oldestAgeMs: Number(oldest_age_ms), heldLanes: held_lanes };
}
