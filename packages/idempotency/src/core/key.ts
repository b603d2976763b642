import { show } from './show.js';

/** What was found where a key is expected. */
export type ParsedKey =
  { readonly key: string } | { readonly missing: true } | { readonly invalid: string };

/** As long as the longest key of the big payment APIs; the key itself is never stored. */
const LONGEST_KEY = 255;

const PRINTABLE = /^[\x20-\x7e]+$/;
/** A structured-field string (RFC 8941), the form that the IETF draft prescribes. */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;

const MISSING = { missing: true } as const;

/**
 * Reads the values of a header of that name: one value, quoted or bare. A list is refused, since nobody can tell which of
 * its keys is meant; HTTP joins a header that was sent twice with a comma.
 */
export function parseHeaderKey(values: readonly string[]): ParsedKey {
  if (values.length > 1) return { invalid: 'it was sent more than once' };
  const text = values[0]?.trim() ?? '';
  if (text === '') return MISSING;
  if (!PRINTABLE.test(text)) return { invalid: 'it has characters other than printable ASCII' };
  const quoted = QUOTED.exec(text)?.[1];
  if (quoted !== undefined) return limited(quoted.replace(/\\(["\\])/g, '$1'));
  if (/[",]/.test(text)) return { invalid: 'it is a list, or not one quoted string' };
  return limited(text);
}

/** Reads a key from a payload, a message property or a function: any text, or a whole number. */
export function parseValueKey(value: unknown): ParsedKey {
  if (value === undefined || value === null || value === '') return MISSING;
  if (typeof value === 'string') return limited(value);
  if (typeof value === 'bigint' || Number.isSafeInteger(value))
    return { key: String(value as bigint | number) };
  return { invalid: `it is neither text nor a whole number, but ${show(value)}` };
}

function limited(key: string): ParsedKey {
  if (key.trim() === '') return { invalid: 'it is blank' };
  return key.length <= LONGEST_KEY
    ? { key }
    : { invalid: `it has ${key.length} characters, more than ${LONGEST_KEY}` };
}

/** The value at a dotted path (`order.id`, `items.0.sku`); own properties only. */
export function valueAt(value: unknown, path: string): unknown {
  let found = value;
  for (const name of path.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name))
      return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}
