import type { StoredEntry } from '../contracts/messages.js';
import type { OutboxStore } from '../contracts/outbox-store.js';
import { keyOf } from '../core/block.js';
import { byBlock, foremost } from '../core/suspects.js';
import { crowdOf, READ_AHEAD, type RelaySettings } from './relay-settings.js';

/** What a dead owner of these lanes may have had under way, in insertion order. */
export async function suspectsOf(
  lanes: readonly number[],
  store: OutboxStore,
  settings: Pick<RelaySettings, 'window' | 'batchSize'>,
): Promise<StoredEntry[]> {
  const { window, batchSize } = settings;
  // What it had handed out, and what it would have next.
  const limit = window + 2 * batchSize;
  const pending = await pendingOf(lanes, store, settings);
  const waiting = await store.waitingEntries(lanes, limit);
  return [...foremost(pending, limit), ...foremost(waiting, limit)].sort(
    (one, other) => one.seq - other.seq,
  );
}

/** A key is read around until half of a crowd is left of it: of so many at most before the relay has enough of all. */
const MOST_CROWDED = (2 * READ_AHEAD.ofAll) / READ_AHEAD.ofKey;

/** As a relay reads them: around the keys of which it has enough. */
async function pendingOf(
  lanes: readonly number[],
  store: OutboxStore,
  { window, batchSize }: Pick<RelaySettings, 'window' | 'batchSize'>,
): Promise<StoredEntry[]> {
  // A read brings a batch before what it brings is counted.
  const crowd = crowdOf(batchSize);
  const ofKey = crowd + batchSize;
  const ofAll = window + batchSize * (READ_AHEAD.ofAll + 1);
  const found: StoredEntry[] = [];
  const keys: string[] = [];
  for (;;) {
    const some = await store.pendingEntries(lanes, ofAll, keys);
    const crowded = [...byBlock(some)].filter(([, rows]) => rows.length >= crowd);
    if (some.length < ofAll || crowded.length === 0 || keys.length >= MOST_CROWDED)
      return [...found, ...some];
    for (const [block, rows] of crowded) {
      found.push(...rows.slice(0, ofKey));
      keys.push(keyOf(block) as string);
    }
  }
}
