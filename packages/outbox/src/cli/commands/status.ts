import { EXIT, lines } from '@acme/nest-message-context/cli';
import { durationText } from '@acme/nest-message-context/kit';
import type { TablesVersion } from '../../contracts/examination.js';
import { COUNT_LIMIT, type OutboxStatus } from '../../contracts/messages.js';
import { judgeTables } from '../../doctor/tables.js';
import type { Command } from '../command.js';

export const status: Command = {
  summary: 'Says whether the store is ready, and what it holds',
  details: `Counts stop at ${COUNT_LIMIT}, so that it may be asked at any time. "pending" could be published now,
"delayed" waits for its time, "waiting" for a key whose first message has failed, "parked" was
given up, "published" is kept for replay.`,
  options: ['url', 'config', 'schema'],

  async run({ open, doing }) {
    const { store, label } = await open();
    const { operations } = store;
    doing(`looking at ${label}`);
    const tables = await operations.version?.();
    const findings = tables ? judgeTables(tables) : [];
    const ready = findings.every(({ severity }) => severity !== 'error');
    const outbox = ready ? await operations.status() : undefined;
    return {
      exit: ready ? EXIT.done : EXIT.nothing,
      json: { store: label, ready, tables: tables ?? null, outbox: outbox ?? null, findings },
      text: [
        lines({
          store: label,
          ready: ready ? 'yes' : 'no',
          tables: tables && tablesText(tables),
          ...(outbox ? statusLines(outbox) : {}),
        }),
        ...findings.map(({ severity, message, remedy }) => `${severity}: ${message}\n  ${remedy}`),
      ].join('\n'),
    };
  },
};

const tablesText = ({ found, needed }: TablesVersion): string =>
  found === 0 ? 'missing' : `version ${found}, needed ${needed}`;

function statusLines(outbox: OutboxStatus): Record<string, string | number | undefined> {
  const { pending, oldestAgeMs, delayed, waiting, blocked, parked, published } = outbox;
  const { lanes, heldLanes, relays } = outbox;
  return {
    pending: counted(pending),
    'oldest pending': pending > 0 ? `${durationText(oldestAgeMs)} old` : undefined,
    delayed: counted(delayed),
    waiting: `${counted(waiting)}, of ${counted(blocked)} keys that have failed`,
    parked: counted(parked),
    published: counted(published),
    lanes: `${lanes}, ${heldLanes} held`,
    relays,
  };
}

const counted = (count: number): string =>
  count >= COUNT_LIMIT ? `${COUNT_LIMIT} or more` : String(count);
