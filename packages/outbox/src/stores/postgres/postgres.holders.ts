import type { OutboxFinding } from '../../contracts/examination.js';
import { durationText } from '@acme/nest-message-context/kit';

/** Whatever keeps vacuum from removing dead rows. */
export interface Holder {
  readonly kind: 'transaction' | 'standby' | 'prepared transaction' | 'replication slot';
  /** The process's id, or the name of the thing. */
  readonly name: string;
  readonly application: string;
  readonly state: string;
  readonly age_ms: number | null;
  readonly query: string | null;
  /** How many transactions began since. */
  readonly transactions: number;
}

interface PilingTable {
  readonly name: string;
  readonly dead: number;
}

const QUERY_LENGTH = 160;

/** One finding for each, while dead rows pile up: without them a long transaction is nobody's trouble. */
export function findHolders(
  holders: readonly Holder[],
  piling: readonly PilingTable[],
): OutboxFinding[] {
  const where = piling.map(({ name, dead }) => `${name} (about ${dead})`).join(', ');
  return holders.map((holder) => {
    const { kind, name, application, state, age_ms, transactions } = holder;
    const query = holder.query === null ? undefined : shown(holder.query);
    return {
      code: 'XMIN_HELD',
      severity: 'warning',
      message: `${subject(holder)} keeps vacuum from removing dead rows, which pile up in ${where}.${query ? ` Its last statement: ${query}` : ''}`,
      remedy: remedy(holder),
      detail: {
        kind,
        ...(kind === 'transaction' || kind === 'standby' ? { pid: Number(name) } : { name }),
        application,
        state,
        ageMs: age_ms,
        transactions,
        ...(query ? { query } : {}),
      },
    };
  });
}

function subject({ kind, name, application, state, age_ms }: Holder): string {
  const age = age_ms === null ? '' : `, ${durationText(age_ms)} old`;
  if (kind === 'transaction')
    return `A transaction of process ${name} (${application || 'no application_name'}, ${state || 'state unknown'}${age})`;
  if (kind === 'standby') return `A query on the standby ${application} (process ${name})`;
  return `The ${kind} "${name}" (${[application, state].filter(Boolean).join(', ')}${age})`;
}

function remedy({ kind, name }: Holder): string {
  switch (kind) {
    case 'transaction':
      return `End it where it was begun. If that cannot be: select pg_terminate_backend(${name}); and set idle_in_transaction_session_timeout for the role.`;
    case 'standby':
      return 'End the query on the standby, or set hot_standby_feedback = off there.';
    case 'prepared transaction':
      return `Decide it: commit prepared '${quoted(name)}'; or rollback prepared '${quoted(name)}';`;
    case 'replication slot':
      return `See that its consumer runs. If nobody needs it: select pg_drop_replication_slot('${quoted(name)}');`;
  }
}

const quoted = (text: string): string => text.replaceAll("'", "''");

/** A statement may hold a password or somebody's data: not one value of it is told. */
function shown(query: string): string {
  const text = query
    .replace(/\$(\w*)\$[^]*?(\$\1\$|$)/g, "'…'")
    .replace(/'(?:[^']|'')*('|$)/g, "'…'")
    .replace(/\s+/g, ' ')
    .trim();
  return text.length > QUERY_LENGTH ? `${text.slice(0, QUERY_LENGTH)}…` : text;
}
