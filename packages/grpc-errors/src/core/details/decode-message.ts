import { type Field, message, type MessageType, text } from './schema.js';
import { WireReader } from './wire-reader.js';

type Properties = Record<string, unknown>;

/** What a map consists of. */
const ENTRY = message(text(1, 'key'), text(2, 'value'));

/**
 * Reads a message; undefined when it is broken. Unknown fields are passed over. A field that must not be repeated and
 * is: the last value counts, of messages they are merged. Fields of kind `bytes` are views of the input.
 */
export function decodeMessage<T>(type: MessageType<T>, bytes: Buffer): T | undefined {
  const reader = new WireReader(bytes);
  const value = readInto(reader, type, blank(type));
  return reader.ok ? (value as T) : undefined;
}

function readInto(reader: WireReader, type: MessageType, target: Properties): Properties {
  while (reader.more) {
    const tag = reader.tag();
    const field = type.byNumber[tag >>> 3];
    // A known number with another wire type is an unknown field.
    if (field?.tag === tag) readField(reader, field, target);
    else reader.skip(tag);
  }
  return target;
}

function readField(reader: WireReader, field: Field, target: Properties): void {
  const { name } = field;
  if (field.kind === 'map') {
    reader.countItem();
    const { key, value } = readMessage(reader, ENTRY, blank(ENTRY));
    setOwn((target[name] ??= {}) as Properties, key as string, value);
  } else if (field.repeated) {
    reader.countItem();
    (target[name] as unknown[]).push(readValue(reader, field, undefined));
  } else {
    target[name] = readValue(reader, field, target[name]);
  }
}

function readValue(reader: WireReader, field: Field, before: unknown): unknown {
  switch (field.kind) {
    case 'message':
      return readMessage(reader, field.of!, (before as Properties | undefined) ?? blank(field.of!));
    case 'bytes':
      return reader.view();
    case 'int32':
      return reader.int32();
    case 'int64':
      return reader.int64();
    default:
      return reader.text();
  }
}

function readMessage(reader: WireReader, type: MessageType, target: Properties): Properties {
  const outer = reader.enter();
  readInto(reader, type, target);
  reader.leave(outer);
  return target;
}

/** A message of which nothing was written. */
function blank(type: MessageType): Properties {
  const value: Properties = { ...type.blank };
  for (const { name, repeated } of type.collections) value[name] = repeated ? [] : {};
  return value;
}

/** By assignment `__proto__` would be lost. */
function setOwn(target: Properties, key: string, value: unknown): void {
  if (key !== '__proto__') target[key] = value;
  else
    Object.defineProperty(target, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
}
