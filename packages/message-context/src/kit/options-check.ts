import { parseDuration, type Duration } from './duration.js';

/** Collects what is wrong with options, each with its remedy. */
export class OptionsCheck {
  readonly problems: string[] = [];
  readonly #misplaced = new Set<string>();

  /** An option that nobody knows would be believed to do something. `example`: what to give instead of what is no object. */
  object<T extends object>(
    name: string,
    value: unknown,
    known: readonly string[],
    example?: string,
  ): T {
    if (value === undefined && name !== 'options') return {} as T;
    if (typeof value !== 'object' || value === null) {
      const remedy = example === undefined ? '' : ` Give ${example}.`;
      this.problems.push(`${name}: ${show(value)} is not an object.${remedy}`);
      return {} as T;
    }
    this.known(`${name}.`, value, known);
    return value as T;
  }

  /** These exist, but not here. */
  elsewhere(value: object | undefined, names: readonly string[], where: string): void {
    for (const name of names) {
      if (!Object.hasOwn(value ?? {}, name)) continue;
      this.#misplaced.add(name);
      this.problems.push(`${name}: is ${where}.`);
    }
  }

  known(prefix: string, value: object, known: readonly string[]): void {
    for (const key of Object.keys(value)) {
      if (known.includes(key) || this.#misplaced.has(key)) continue;
      this.problems.push(
        `${prefix}${key}: there is no such option. Known are ${known.join(', ')}.`,
      );
    }
  }

  methods(name: string, value: unknown, methods: readonly string[], remedy: string): void {
    const has = (method: string): boolean =>
      typeof (value as Record<string, unknown> | undefined)?.[method] === 'function';
    if (methods.every(has)) return;
    this.problems.push(
      `${name}: ${value === undefined ? 'missing' : `${show(value)} has no ${methods.join('() and ')}()`}. Give ${remedy}.`,
    );
  }

  count(name: string, value: unknown, fallback: number, max = 100_000): number {
    const count = value === undefined ? fallback : value;
    if (Number.isSafeInteger(count) && (count as number) >= 1 && (count as number) <= max)
      return count as number;
    this.problems.push(`${name}: ${show(value)} is not a whole number from 1 to ${max}.`);
    return fallback;
  }

  flag(name: string, value: unknown): boolean {
    if (value !== undefined && typeof value !== 'boolean') {
      // "false" from the environment is true.
      this.problems.push(`${name}: ${show(value)} is not a boolean. Give true or false.`);
    }
    return value === true;
  }

  duration(name: string, value: unknown, fallback: Duration): number {
    const ms = parseDuration(value === undefined ? fallback : value);
    if (ms !== undefined && ms > 0) return ms;
    this.problems.push(
      `${name}: ${show(value)} is not a duration. Give milliseconds above 0, or '250ms', '30s', '5m', '7d'.`,
    );
    return 1;
  }

  /** One that is waited for. */
  timeout(name: string, value: unknown, fallback: Duration): number {
    const ms = this.duration(name, value, fallback);
    if (ms > MAX_TIMER_MS)
      this.problems.push(`${name}: ${show(value)} is longer than '24d', which no timer is.`);
    return ms;
  }
}

/**
 * Whether somebody has given the thing itself instead of options with it (`new Store(pool)`): then everything that it has would
 * be an option that nobody knows.
 */
export function isMisfit(given: unknown, known: readonly string[]): boolean {
  if (typeof given !== 'object' || given === null) return true;
  const isPlain = [Object.prototype, null].includes(Object.getPrototypeOf(given) as object | null);
  return !isPlain && !Object.keys(given).every((key) => known.includes(key));
}

/** A longer timer of Node's goes off at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A value for the message of an error: short, and without what may be secret in an object. */
export function show(value: unknown): string {
  if (typeof value === 'function') return 'the given function';
  if (typeof value === 'object' && value !== null) return 'the given object';
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
