import type { Field, MessageType } from './schema.js';
import type { WireWriter } from './wire-writer.js';

type Properties = Readonly<Record<string, unknown>>;

const KEY_TAG = (1 << 3) | 2;
const VALUE_TAG = (2 << 3) | 2;

/**
 * Writes a message, backwards like the writer, so that fields and elements come out in their order. What is undefined or empty is not written,
 * as proto3 has it.
 */
export function writeMessage<T>(writer: WireWriter, type: MessageType<T>, value: T): void {
  writeFields(writer, type, value as Properties);
}

function writeFields(writer: WireWriter, type: MessageType, value: Properties): void {
  for (let index = type.fields.length - 1; index >= 0; index--) {
    const field = type.fields[index]!;
    const property = value[field.name];
    if (property == null) continue;
    if (field.kind === 'map') writeMap(writer, field, property as Properties);
    else if (field.repeated) writeAll(writer, field, property as readonly unknown[]);
    else if (field.explicit || field.kind === 'message' || !isEmpty(property)) {
      writeValue(writer, field, property);
    }
  }
}

function writeAll(writer: WireWriter, field: Field, values: readonly unknown[]): void {
  for (let index = values.length - 1; index >= 0; index--) writeValue(writer, field, values[index]);
}

function writeMap(writer: WireWriter, field: Field, entries: Properties): void {
  const keys = Object.keys(entries);
  for (let index = keys.length - 1; index >= 0; index--) {
    const key = keys[index]!;
    if (entries[key] == null) continue;
    const before = writer.length;
    writer.text(textOf(entries[key]));
    writer.uint32(VALUE_TAG);
    writer.text(key);
    writer.uint32(KEY_TAG);
    writer.uint32(writer.length - before);
    writer.uint32(field.tag);
  }
}

function writeValue(writer: WireWriter, field: Field, value: unknown): void {
  switch (field.kind) {
    case 'message': {
      const before = writer.length;
      writeFields(writer, field.of!, value as Properties);
      writer.uint32(writer.length - before);
      break;
    }
    case 'bytes':
      writer.bytes(value as Uint8Array);
      break;
    case 'int32':
    case 'int64':
      writer.int64(Number(value));
      break;
    default:
      writer.text(textOf(value));
  }
  writer.uint32(field.tag);
}

const isEmpty = (value: unknown): boolean =>
  value === '' || value === 0 || (value as Uint8Array).length === 0;

/** JavaScript has no types: a number in the metadata must not turn an error into another one. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : String(value));
