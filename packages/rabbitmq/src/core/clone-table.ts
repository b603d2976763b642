/** Deeper than anything sent in earnest, and short of what would exhaust the stack. */
const MAX_DEPTH = 32;

/**
 * A copy of a header table that amqplib has decoded, all the way down, so that whoever changes the copy changes nothing else.
 * Bytes stay Buffers (a structured clone would make them tables) and are shared, as nobody writes into them. What amqplib
 * decodes but cannot encode again is left out: a message that cannot be published again could be neither retried nor parked.
 */
export function cloneTable(table: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return cloned(table, 0) as Record<string, unknown>;
}

function cloned(value: unknown, depth: number): unknown {
  if (typeof value === 'number') return isEncodable(value) ? value : undefined;
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value !== 'object' || depth > MAX_DEPTH) return undefined;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length);
  if (Array.isArray(value)) {
    return value.map((one) => cloned(one, depth + 1)).filter((one) => one !== undefined);
  }
  // Below the top, `{ '!': type, value }` is amqplib's notation of a type.
  if (depth > 0 && Object.hasOwn(value, '!') && !isTyped(value)) return undefined;
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const one = cloned((value as Record<string, unknown>)[name], depth + 1);
    if (one !== undefined) copy[name] = one;
  }
  return copy;
}

/** amqplib writes as a 64-bit integer what is no small fraction and not beyond 2^63, also what is none: NaN, -Infinity. */
const isEncodable = (value: number): boolean =>
  Math.abs(value) < 2 ** 50 ||
  (value >= -(2 ** 63) && (Number.isInteger(value) || value === Infinity));

/** The two notations that decoding makes. Beyond 2^53 a timestamp was rounded, perhaps to more than 64 bits hold. */
function isTyped(value: object): boolean {
  const { '!': type, value: inner } = value as { '!'?: unknown; value?: unknown };
  if (type === 'timestamp') return isCountTo(Number.MAX_SAFE_INTEGER, inner);
  if (type !== 'decimal' || typeof inner !== 'object' || inner === null) return false;
  const { places, digits } = inner as { places?: unknown; digits?: unknown };
  return isCountTo(255, places) && isCountTo(2 ** 32 - 1, digits);
}

const isCountTo = (most: number, value: unknown): boolean =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
