/** How a queue is consumed at one moment. */
export interface LoadSample {
  /** Milliseconds of a clock that never goes back. */
  readonly at: number;
  /** Messages that are being handled or settled. */
  readonly inFlight: number;
  /** As many may be, at all its consumers of this process; undefined where that is not limited or not known. */
  readonly prefetch: number | undefined;
  /** How many were settled until now; it begins anew when the consumer does. */
  readonly settled: number;
}

/** Why it is slow. */
export interface Slowness {
  readonly prefetch: number;
  /** How long a message took at the beginning of the window, in milliseconds. */
  readonly beforeMs: number;
  /** And at its end. */
  readonly nowMs: number;
}

/** It is looked at for so long: what takes longer for a moment is no news. */
export const SLOW_WINDOW_MS = 60_000;
/** Each time it took that much longer, over the whole window. */
const RISE = 1.5;
/** Handlers that are quicker wait for nobody. */
const LEAST_MS = 100;

/** Whether a queue is consumed to the full: all that the prefetch allows is in work. */
export const isFull = ({ inFlight, prefetch }: LoadSample): boolean =>
  prefetch !== undefined && prefetch > 0 && inFlight >= prefetch;

/**
 * Whether handlers are what holds a queue up, and ever more so: everything that the prefetch allows was in work for the whole window,
 * and a message took longer in each third of it.
 *
 * Nobody has to time a message for that: while as many are in work all the time, each takes `prefetch / settled per second` (Little's
 * law).
 *
 * @param samples those of the window and no others, the oldest first; each full
 */
export function slownessOf(samples: readonly LoadSample[]): Slowness | undefined {
  const [first] = samples;
  const last = samples.at(-1);
  if (!first || !last || last.at - first.at < SLOW_WINDOW_MS) return undefined;
  const { prefetch } = last;
  if (prefetch === undefined || samples.some((one) => !isFull(one) || one.prefetch !== prefetch))
    return undefined;
  const at = (part: number): LoadSample =>
    samples.find((one) => one.at >= first.at + (SLOW_WINDOW_MS * part) / 3) ?? last;
  const edges = [first, at(1), at(2), last];
  const thirds = [0, 1, 2].map((part) => between(edges[part]!, edges[part + 1]!));
  const [before, meanwhile, now] = thirds.map(
    ({ ms, settled }) => (prefetch * ms) / Math.max(1, settled),
  );
  // Fewer, and chance decides which third they fall into.
  if (thirds[0]!.settled < 2 * prefetch) return undefined;
  if (!(before! <= meanwhile! && meanwhile! <= now!)) return undefined;
  return now! >= LEAST_MS && now! >= RISE * before!
    ? { prefetch, beforeMs: before!, nowMs: now! }
    : undefined;
}

const between = (from: LoadSample, to: LoadSample) => ({
  ms: to.at - from.at,
  settled: to.settled - from.settled,
});
