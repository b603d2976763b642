import { EXIT, lines } from '@acme/nest-message-context/cli';
import { durationText } from '@acme/nest-message-context/kit';
import {
  isSqlStore,
  type IdempotencyStore,
  type StoreFinding,
  type StoreStats,
  type TablesVersion,
} from '../../core/store.js';
import type { Command } from '../command.js';

/** So many are counted in a moment, however big their replies are. */
const COUNTED = 100_000;

export const status: Command = {
  summary: 'Says whether the store is ready, and what it holds',
  details: `Counts at most ${COUNTED} records, so that it may be asked at any time; of a bigger table it shows the
counts of an arbitrary part, and the number of all as the database estimates it. Redis cannot
count its records without walking through all keys, so for Redis there are no counts. "running"
are leases that are held: what open transactions have claimed cannot be seen.`,
  options: ['url', 'config', 'schema', 'table', 'prefix'],

  async run({ open, doing }) {
    const { store } = await open();
    const { label } = store;
    doing(`looking at ${label}`);
    const tables = isSqlStore(store) ? await store.version() : undefined;
    const findings = await store.check();
    const ready = findings.every(({ severity }) => severity !== 'error');
    const stats = ready ? await statsOf(store) : undefined;
    return {
      exit: ready ? EXIT.done : EXIT.nothing,
      json: { store: label, ready, tables: tables ?? null, records: jsonOf(stats), findings },
      text: [
        lines({
          store: label,
          ready: ready ? 'yes' : 'no',
          ...tableLines(tables),
          ...statsLines(stats),
        }),
        ...findings.map(findingLine),
      ].join('\n'),
    };
  },
};

async function statsOf(store: IdempotencyStore): Promise<StoreStats | undefined> {
  // No record has this id. A store that cannot be read is not ready, whatever it says of itself.
  await store.get('0'.repeat(64));
  return isSqlStore(store) ? store.stats?.(COUNTED) : undefined;
}

/** Always the same members, so that a script can rely on them. */
function jsonOf(stats: StoreStats | undefined): object | null {
  if (!stats) return null;
  const { oldestExpiredMs = null, total = null } = stats;
  return { ...stats, oldestExpiredMs, total };
}

function tableLines(tables: TablesVersion | undefined): Record<string, string> {
  if (!tables) return {};
  const { found, needed } = tables;
  return { tables: found === 0 ? 'missing' : `version ${found}, needed ${needed}` };
}

function statsLines(stats: StoreStats | undefined): Record<string, string | number | undefined> {
  if (!stats) return { records: 'not counted' };
  const { running, done, free, expired, oldestExpiredMs, complete, total } = stats;
  const all = total === undefined ? 'more' : `about ${total}`;
  return {
    records: complete ? total : `${all}; these are the counts of ${COUNTED} of them`,
    running,
    done,
    free,
    expired,
    'oldest expired':
      oldestExpiredMs === undefined ? undefined : `${durationText(oldestExpiredMs)} ago`,
  };
}

const findingLine = ({ severity, text }: StoreFinding): string => `${severity}: ${text}`;
