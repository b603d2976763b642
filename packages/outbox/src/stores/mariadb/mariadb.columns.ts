import { NOW } from './mariadb.statement.js';
const CONTENT_COLUMNS = [
  ...['lane', 'message_id', 'type', '`key`', 'exchange', 'routing_key', 'content_type'],
  ...['headers', 'occurred_at', 'payload', 'payload_bytes'],
];

const MOVED_COLUMNS = ['seq', 'created_at', 'sequence', ...CONTENT_COLUMNS];

const of = (columns: readonly string[], alias: string): string =>
  columns.map((column) => `${alias}.${column}`).join(', ');

/** What a message is made of, as every table that holds messages has it. */
export const CONTENT = CONTENT_COLUMNS.join(', ');
export const CONTENT_OF_N = of(CONTENT_COLUMNS, 'n');

/** What goes along when a message moves to another table: it keeps its place, and the time at which it came. */
export const MOVED = MOVED_COLUMNS.join(', ');
export const MOVED_OF_M = of(MOVED_COLUMNS, 'm');

/** Unix milliseconds as a number that every driver gives as one. */
export const msOf = (time: string): string =>
  `cast(timestampdiff(microsecond, '1970-01-01', ${time}) / 1000 as double)`;

export const timeOf = (ms: string): string => `'1970-01-01' + interval ${ms} * 1000 microsecond`;

/** What tells a message from others, and where it stands. Numbers that a driver might round, or give as BigInt, go as text. */
export const ENTRY = 'cast(m.seq as char) as seq, m.lane, m.message_id, m.type, m.`key`';

/** A message as `fromRow` reads it. */
export const MESSAGE = `${ENTRY}, cast(m.sequence as char) as sequence, m.exchange, m.routing_key, m.content_type,
  m.headers, ${msOf('m.occurred_at')} as occurred_at, m.payload, m.payload_bytes`;

/** The same with its age, for whoever measures. */
export const AGED_MESSAGE = `${MESSAGE}, timestampdiff(microsecond, m.created_at, ${NOW}) / 1e3 as age_ms`;

/** Of waiting messages. */
export const FAILURES = 'm.attempts, m.tries, m.history';

/** Whatever waits for whatever, as `blockOf` says it: the messages of a key, or one without a key for itself alone. */
export const BLOCK_OF_M = "if(m.`key` is null, concat('#', m.seq), concat('=', m.`key`))";

/** When a block is due that waits for its parked message: never. */
export const NEVER = "'9999-12-31 23:59:59.999999'";
