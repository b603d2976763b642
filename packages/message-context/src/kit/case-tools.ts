import { inspect, isDeepStrictEqual } from 'node:util';

/**
 * Holds a value of a contract case against what it should be.
 *
 * @throws Error with both values when they differ
 */
export function same(found: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(found, expected)) return;
  throw new Error(`${what}: found ${inspect(found)} instead of ${inspect(expected)}`);
}

/**
 * Ends a contract case where something does not hold.
 *
 * @throws Error that says what
 */
export function holds(condition: boolean, what: string): void {
  if (!condition) throw new Error(`it does not hold that ${what}`);
}

/** Asks again until it is so; another process's state cannot be awaited. */
export async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > end)
      throw new Error(`for twenty seconds it did not come about that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
