/**
 * Whatever waits for whatever: all messages of a key, or a message without one for itself alone. Stored with what waits, so it
 * never changes.
 */
export function blockOf(key: string | null, seq: number): string {
  return key === null ? `#${seq}` : `=${key}`;
}

/** Undefined for a message without one. */
export function keyOf(block: string): string | undefined {
  return block.startsWith('=') ? block.slice(1) : undefined;
}
