import { inspect, isDeepStrictEqual } from 'node:util';

/** @throws Error with both values when they differ */
export function same(found: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(found, expected)) return;
  throw new Error(`${what}: found ${inspect(found)} instead of ${inspect(expected)}`);
}

/** @throws Error when it is not so */
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
