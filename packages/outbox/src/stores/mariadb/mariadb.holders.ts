import type { OutboxFinding } from '../../contracts/examination.js';
import { durationText } from '@acme/nest-message-context/kit';

/** A transaction that has been open for long. */
export interface LongTransaction {
  /** 0 when it has no connection. */
  readonly thread: number;
  readonly user: string | null;
  readonly host: string | null;
  readonly db: string | null;
  readonly command: string | null;
  readonly age_ms: number;
  readonly query: string | null;
  /** Transactions that wait for its rows of our tables. */
  readonly waiters: number;
  /** Those tables. */
  readonly tables: string | null;
}

const QUERY_LENGTH = 160;

/**
 * Who keeps rows of ours from others, and who keeps old versions of rows from being removed while so many pile up. Without
 * either a long transaction is nobody's trouble.
 *
 * @param history how many transactions have left old versions; undefined when that is no trouble
 */
export function findHolders(
  found: readonly LongTransaction[],
  history: number | undefined,
): OutboxFinding[] {
  const blocking = found.filter(({ waiters }) => waiters > 0).map(rowsHeld);
  return history === undefined
    ? blocking
    : [...blocking, ...found.map((transaction) => purgeHeld(transaction, history))];
}

function rowsHeld(transaction: LongTransaction): OutboxFinding {
  const { waiters, tables } = transaction;
  return {
    code: 'ROWS_HELD',
    severity: 'error',
    message: `${subject(transaction)} has locked rows of ${tables ?? 'the outbox'}, and ${waiters} others wait for them now.${doing(transaction)}`,
    remedy: remedy(transaction),
    detail: { ...detailOf(transaction), waiters, tables },
  };
}

function purgeHeld(transaction: LongTransaction, history: number): OutboxFinding {
  return {
    code: 'PURGE_HELD',
    severity: 'warning',
    message: `${subject(transaction)} may keep InnoDB from removing old versions of rows, which pile up (history list length ${history}): every read walks over them.${doing(transaction)}`,
    remedy: remedy(transaction),
    detail: { ...detailOf(transaction), history },
  };
}

function subject({ thread, user, host, db, command, age_ms }: LongTransaction): string {
  const age = `${durationText(age_ms)} old`;
  if (thread === 0) return `A transaction that has no connection, prepared (XA) perhaps (${age}),`;
  const who = user === null ? 'user unknown' : `${user}@${host}`;
  const state = command === 'Sleep' ? 'idle' : (command ?? 'state unknown');
  return `A transaction of thread ${thread} (${who}, database ${db ?? 'none'}, ${state}, ${age})`;
}

const doing = ({ query }: LongTransaction): string =>
  query === null ? '' : ` Its statement: ${shown(query)}`;

const remedy = ({ thread }: LongTransaction): string =>
  thread === 0
    ? "Look for it with: xa recover; and decide it: xa commit 'NAME'; or xa rollback 'NAME';"
    : `End it where it was begun. If that cannot be: kill ${thread}; and set idle_transaction_timeout, in seconds, for connections that are left idle.`;

const detailOf = (transaction: LongTransaction): Record<string, unknown> => ({
  thread: transaction.thread,
  user: transaction.user,
  host: transaction.host,
  database: transaction.db,
  command: transaction.command,
  ageMs: transaction.age_ms,
  ...(transaction.query === null ? {} : { query: shown(transaction.query) }),
});

/** Comments; names; literals. One with a backslash ends we do not know where: that is a setting of the session. */
const PARTS =
  /--\s[^\n]*|#[^\n]*|\/\*[^]*?(?:\*\/|$)|`[^`]*`|'(?:[^'\\]|'')*(?:'|\\[^]*|$)|"(?:[^"\\]|"")*(?:"|\\[^]*|$)|\b(?:0x[\da-f]+|\d+(?:\.\d+)?(?:e[-+]?\d+)?)\b/gi;

/** A statement may hold a password or somebody's data: not one value of it is told. */
function shown(query: string): string {
  const text = query.replace(PARTS, masked).replace(/\s+/g, ' ').trim();
  return text.length > QUERY_LENGTH ? `${text.slice(0, QUERY_LENGTH)}…` : text;
}

function masked(part: string): string {
  const [first = ''] = part;
  if (first === '`') return part;
  if (first === "'" || first === '"') return `${first}…${first}`;
  return /\d/.test(first) ? '…' : ' ';
}
