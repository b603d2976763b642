import type { StoreStats } from '../../core/store.js';

/** What a database tells; numbers come as numbers or as text, by database and driver. */
export interface StatsRow {
  readonly running: unknown;
  readonly done: unknown;
  readonly free: unknown;
  readonly expired: unknown;
  /** Milliseconds. */
  readonly oldest: unknown;
  /** How many rows the database believes there are. */
  readonly estimate: unknown;
}

export function statsOf(row: StatsRow, limit: number): StoreStats {
  const [running, done, free, expired] = [row.running, row.done, row.free, row.expired].map(Number);
  const counts = { running: running!, done: done!, free: free!, expired: expired! };
  const counted = running! + done! + free! + expired!;
  const complete = counted < limit;
  // Never analyzed, or long ago: then fewer are estimated than were seen.
  const estimated = Number(row.estimate) > counted ? Number(row.estimate) : undefined;
  const oldestExpiredMs = row.oldest === null ? undefined : Math.round(Number(row.oldest));
  return { ...counts, oldestExpiredMs, complete, total: complete ? counted : estimated };
}
