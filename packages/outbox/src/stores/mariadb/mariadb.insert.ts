import { Buffer } from 'node:buffer';
import type { SqlExecutor } from '@acme/nest-transaction';
import type { NewMessage } from '../../contracts/messages.js';
import type { EntryRules } from '../../contracts/outbox-store.js';
import { OutboxMessageInvalidError } from '../../outbox.errors.js';
import { dueColumns, messageColumns } from '../sql/message-columns.js';
import type { TableName } from '../sql/tables.js';
import type { MariaDbDatabase } from './mariadb.database.js';
import * as entry from './mariadb.entry.sql.js';
import { wellFormed } from './mariadb.text.js';

/** From the year 1 to 9999, as `datetime` has it. */
const [FIRST_MS, LAST_MS] = [-62_135_596_800_000, 253_402_300_799_999];
/** What the database's clock may be ahead. */
const AHEAD_MS = 86_400_000;

/** Without strict mode the server would write a time of its own for one that it does not have. */
function checkTimes(messages: readonly NewMessage[]): void {
  const problems = messages.flatMap((message) =>
    timesOf(message)
      .filter(([, ms]) => !(ms >= FIRST_MS && ms <= LAST_MS))
      .map(
        ([name, ms]) =>
          `message ${message.messageId}: ${name}: MariaDB has no time for ${ms}. Give Unix milliseconds within the years 1 to 9999.`,
      ),
  );
  if (problems.length > 0) throw new OutboxMessageInvalidError(problems);
}

function timesOf({ occurredAt, due }: NewMessage): [name: string, ms: number][] {
  const times: [string, number][] = [['timestamp', occurredAt]];
  if (due && 'atMs' in due) times.push(['availableAt', due.atMs]);
  if (due && 'inMs' in due) times.push(['delay', Date.now() + due.inMs + AHEAD_MS]);
  return times;
}

/** What a driver may send around the parameter. */
const FRAME_BYTES = 16_384;

/** Where messages enter, and how. */
export interface Entrance {
  readonly t: TableName;
  readonly lanes: number;
  readonly rules: EntryRules;
  /** Bytes that a statement may have. */
  readonly maxPacket: number;
}

/** Adds messages to the caller's transaction: all or none, also for a caller who goes on after an error. */
export async function insertInto(
  executor: SqlExecutor,
  messages: readonly NewMessage[],
  entrance: Entrance,
): Promise<void> {
  checkTimes(messages);
  const { t, lanes, rules, maxPacket } = entrance;
  const isPlain =
    !rules.strictOrder && !rules.sequence && messages.every(({ due }) => due === null);
  if (isPlain && messages.length === 1) {
    const values = messageColumns(messages, lanes).flat().map(wellFormed);
    await executor.query(entry.insertMessage(t).trim(), values);
    return;
  }
  const statement = (isPlain ? entry.insertMessages(t) : entry.insertUnder(t, rules)).trim();
  const [parameter, ...further] = parametersOf(messages, lanes, maxPacket);
  if (parameter === undefined) return;
  if (further.length === 0) {
    await executor.query(statement, [parameter]);
    return;
  }
  await executor.query('savepoint outbox_add');
  try {
    for (const one of [parameter, ...further]) await executor.query(statement, [one]);
  } catch (error) {
    // Where the whole transaction, or the connection, is gone, there is nothing left to take back.
    await executor.query('rollback to savepoint outbox_add').catch(() => undefined);
    throw error;
  }
  await executor.query('release savepoint outbox_add');
}

/** Adds messages in transactions of their own: one for as many as fit into a statement. */
export async function addAtOnce(
  database: MariaDbDatabase,
  messages: readonly NewMessage[],
  { t, lanes, rules, maxPacket }: Entrance,
): Promise<void> {
  checkTimes(messages);
  for (const parameter of parametersOf(messages, lanes, maxPacket))
    await database.run(entry.addMessages(t, rules), [parameter]);
}

/** JSON of as many messages each as fit. A driver escapes what is inside a literal, which at worst doubles it. */
function parametersOf(messages: readonly NewMessage[], lanes: number, maxPacket: number): string[] {
  const columns = [...messageColumns(messages, lanes), ...dueColumns(messages)];
  const parameters: string[] = [];
  let some: string[] = [];
  let size = 0;
  for (const place of messages.keys()) {
    const text = JSON.stringify([...columns.map((column) => inJson(column[place])), place]);
    const bytes = 2 * (Buffer.byteLength(text) + 1);
    if (size + bytes > maxPacket - FRAME_BYTES && some.length > 0) {
      parameters.push(`[${some.join()}]`);
      some = [];
      size = 0;
    }
    some.push(text);
    size += bytes;
  }
  if (some.length > 0) parameters.push(`[${some.join()}]`);
  return parameters;
}

/** Bytes as base64. */
const inJson = (value: unknown): unknown =>
  value instanceof Uint8Array
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
    : wellFormed(value);
