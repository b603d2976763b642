/** A wrong value, for the message about it. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return 'a list';
  const name = Object.getPrototypeOf(value) === null ? undefined : value.constructor.name;
  return name === undefined || name === 'Object' ? 'an object' : `an object of class ${name}`;
}
