import type { EntryRules } from '../contracts/outbox-store.js';
import type { RetryPolicy } from '../core/settle-plan.js';

/** What a relay reads ahead, in batches: of one key no more than leaves room for others, nor than all of them may take up. */
export const READ_AHEAD = { ofKey: 0.5, ofAll: 4 };

/** So many messages of one key in memory are enough of it. One never is: without a key there is only one of a block. */
export const crowdOf = (batchSize: number): number => Math.max(2, batchSize * READ_AHEAD.ofKey);

/** @internal What a relay works with; times in milliseconds. */
export interface RelaySettings {
  readonly batchSize: number;
  readonly window: number;
  readonly pollIntervalMs: number;
  readonly leaseMs: number;
  readonly retry: RetryPolicy;
  /** So many deaths of the process while a message was tried, and it is parked. */
  readonly crashes: number;
  /** Whether what follows a parked message of its key waits until that one is redriven. */
  readonly blockKeyOnPark: boolean;
  /** How long published messages are kept; undefined: not at all. */
  readonly retentionMs: number | undefined;
  readonly rules: EntryRules;
}
