import { Buffer, isUtf8 } from 'node:buffer';

/** A message as JSON, with nothing lost: `importedMessage()` makes of it what it was. */
export interface ExportedMessage {
  /** The queue that it was read from. */
  readonly queue: string;
  /** How it came there. */
  readonly exchange: string;
  readonly routingKey: string;
  /**
   * As amqplib names them, `headers` among them. Bytes are `{ "!": "bytes", "value": base64 }`, beside amqplib's own
   * `{ "!": "timestamp", "value": seconds }` and `{ "!": "decimal", … }`; numbers that JSON lacks `{ "!": "double", "value": "NaN" }`.
   */
  readonly properties: Readonly<Record<string, unknown>>;
  /** Text where the bytes are UTF-8, else base64. */
  readonly body: string;
  readonly bodyEncoding: 'utf8' | 'base64';
}

/** A message that can be given to `publish()` of amqplib. */
export interface ImportedMessage {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: Record<string, unknown>;
  readonly content: Buffer;
}

interface DeliveryLike {
  readonly content: Uint8Array;
  readonly fields: { readonly exchange: string; readonly routingKey: string };
  readonly properties: object;
}

/** A body as text where it is one. */
export function bodyOf(content: Uint8Array): Pick<ExportedMessage, 'body' | 'bodyEncoding'> {
  const bodyEncoding = isUtf8(content) ? 'utf8' : 'base64';
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return { body: bytes.toString(bodyEncoding), bodyEncoding };
}

/** Of what amqplib has decoded. */
export function exportedMessage(
  { content, fields, properties }: DeliveryLike,
  queue: string,
): ExportedMessage {
  const { exchange, routingKey } = fields;
  return { queue, exchange, routingKey, properties: encodedTable(properties), ...bodyOf(content) };
}

/** What `exportedMessage()` has made JSON of, or one line of an export. */
export function importedMessage(exported: ExportedMessage | string): ImportedMessage {
  const one = typeof exported === 'string' ? (JSON.parse(exported) as ExportedMessage) : exported;
  const { queue, exchange, routingKey, properties, body, bodyEncoding } = one;
  const content = Buffer.from(body, bodyEncoding);
  return { queue, exchange, routingKey, properties: decodedTable(properties), content };
}

/** A table without what is undefined, its values as JSON can have them. */
export const encodedTable = (table: object): Record<string, unknown> =>
  fromEntries(
    Object.entries(table).flatMap(([name, value]: [string, unknown]) =>
      value === undefined ? [] : [[name, encoded(value)]],
    ),
  );

const decodedTable = (table: object): Record<string, unknown> =>
  fromEntries(Object.entries(table).map(([name, value]) => [name, decoded(value)]));

function encoded(value: unknown): unknown {
  if (typeof value === 'number')
    return Number.isFinite(value) ? value : { '!': 'double', value: String(value) };
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array)
    return { '!': 'bytes', value: bytesOf(value).toString('base64') };
  if (Array.isArray(value)) return value.map(encoded);
  // A table that has such a name itself must not be taken for one of ours.
  const isMarked = Object.hasOwn(value, '!') && !isAmqplibs(value as Marked);
  return isMarked ? { '!': 'table', value: encodedTable(value) } : encodedTable(value);
}

function decoded(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(decoded);
  const { '!': kind, value: inner } = value as Marked;
  if (kind === 'bytes') return Buffer.from(inner as string, 'base64');
  if (kind === 'double') return Number(inner);
  return decodedTable(kind === 'table' ? (inner as object) : value);
}

interface Marked {
  readonly '!'?: unknown;
  readonly value?: unknown;
}

/** The two notations that its decoding makes. */
const isAmqplibs = ({ '!': kind, value }: Marked): boolean =>
  kind === 'timestamp' ? typeof value === 'number' : kind === 'decimal' && isTable(value);

const isTable = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const bytesOf = (view: Uint8Array): Buffer =>
  Buffer.from(view.buffer, view.byteOffset, view.byteLength);

/** `Object.fromEntries` defines what it is given, also a "__proto__". */
const fromEntries = (entries: (readonly [string, unknown])[] | unknown[][]) =>
  Object.fromEntries(entries as [string, unknown][]) as Record<string, unknown>;
