import { Buffer } from 'node:buffer';
import type { SqlDialect } from './sql-executor.js';

/**
 * Gives every parameter one meaning before a library sees it. Without this an object is JSON in one driver, an SQL
 * fragment in the next (mysql2 turns `{ a: 1 }` into `a = 1`) and a type error in the third.
 */
export function toParams(params: readonly unknown[] | undefined, dialect: SqlDialect): unknown[] {
  return (params ?? []).map((value) => toParam(value, dialect));
}

function toParam(value: unknown, dialect: SqlDialect): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object' || Buffer.isBuffer(value)) return value;
  // A driver's own text for a date is in the zone of the process. MySQL has no zone in its literals: there the zone is
  // an option of the connection, which only the driver knows.
  if (value instanceof Date) return dialect === 'postgres' ? value.toISOString() : value;
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value) && dialect === 'postgres') return toArrayLiteral(value);
  return JSON.stringify(value);
}

/** `{"a","b",NULL}`: elements are always quoted, which PostgreSQL accepts for every element type. */
function toArrayLiteral(values: readonly unknown[]): string {
  return `{${values.map(toArrayElement).join(',')}}`;
}

function toArrayElement(value: unknown): string {
  if (value === undefined || value === null) return 'NULL';
  if (Array.isArray(value)) return toArrayLiteral(value);
  return `"${toText(value).replace(/["\\]/g, '\\$&')}"`;
}

function toText(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value as string | number);
}
