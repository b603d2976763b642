/** A wrong value, for the message about it. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return String(value);
  return `a ${value.constructor?.name ?? 'null-prototype'} object`;
}
