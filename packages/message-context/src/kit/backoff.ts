/** How long to wait between tries. */
export interface Backoff {
  /** Before the second try, in milliseconds. */
  readonly initialMs: number;
  /** At most, in milliseconds. */
  readonly maxMs: number;
}

/**
 * Doubles with every try, up to the cap. The upper half is random, so that what failed together does not come back
 * together, and the lower half is not, so that a retry never comes at once.
 *
 * @param tries how often it was tried so far, 1 or more
 * @param random 0 (inclusive) to 1 (exclusive)
 */
export function backoffMs(tries: number, { initialMs, maxMs }: Backoff, random: number): number {
  const full = Math.min(maxMs, initialMs * 2 ** Math.min(tries - 1, 52));
  return Math.round(full / 2 + (full / 2) * random);
}
