import { setTimeout as pause } from 'node:timers/promises';
import { counted, EXIT, usageError } from '@acme/nest-message-context/cli';
import { isSqlStore, type IdempotencyStore } from '../../core/store.js';
import type { Command } from '../command.js';

/** How long it goes on without success while somebody else removes records, or holds them. */
const PATIENCE_MS = 10_000;
const PAUSE_MS = 200;
const MOST = 1_000_000;

export const purge: Command = {
  summary: 'Removes expired records until none is left',
  details: `Services do so by themselves unless they are told not to (purge: false). Never a live claim. Each
statement removes --limit records at most, and commits by itself. Redis forgets what has expired.`,
  options: ['url', 'config', 'schema', 'table', 'prefix', 'limit'],

  async run({ values, ready, doing }) {
    const limit = limitOf(values.limit);
    const { store } = await ready();
    const { label } = store;
    const { removed, left } = await purgeAll(store, limit, (soFar) =>
      doing(`removing expired records in ${label}, ${soFar} so far`),
    );
    const others = left
      ? ' Some are left: other processes hold them, or remove them at this moment.'
      : '';
    return {
      exit: EXIT.done,
      json: { store: label, removed, left },
      text:
        removed === 0 && !isSqlStore(store)
          ? `${label} forgets what has expired by itself: there is nothing to do.`
          : `Removed ${counted(removed, 'record')}.${others}`,
    };
  },
};

/** One process removes at a time, so none removed does not mean that none is left. */
async function purgeAll(
  store: IdempotencyStore,
  limit: number,
  tell: (removed: number) => void,
): Promise<{ readonly removed: number; readonly left: boolean }> {
  let removed = 0;
  let lastSuccess = Date.now();
  for (;;) {
    tell(removed);
    const count = await store.purge(limit);
    removed += count;
    if (count > 0) {
      lastSuccess = Date.now();
      continue;
    }
    if (!(await hasExpired(store))) return { removed, left: false };
    if (Date.now() - lastSuccess > PATIENCE_MS) return { removed, left: true };
    await pause(PAUSE_MS);
  }
}

async function hasExpired(store: IdempotencyStore): Promise<boolean> {
  if (!isSqlStore(store)) return false;
  // The age of the oldest is exact, however few are counted.
  return (await store.stats?.(1))?.oldestExpiredMs !== undefined;
}

function limitOf(text = '1000'): number {
  const limit = /^\d+$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MOST) return limit;
  throw usageError(`--limit: give a whole number from 1 to ${MOST}.`);
}
