/** What a call may take, and what is left for it. All in milliseconds; points in time since 1970. */
export interface CallTime {
  readonly now: number;
  readonly timeoutMs: number;
  /** Until when somebody waits for what is being handled; undefined where nobody does. */
  readonly inbound: number | undefined;
  /** Left for what follows the call: an answer that comes at the last moment is of no use. */
  readonly reserveMs: number;
}

/** Servers of grpc-js read a deadline as a 32-bit number of milliseconds: 30 days would have passed at once. */
const LONGEST_MS = 24 * 3_600_000;

/** Until when a call may take; `Infinity` without a limit. It may have passed. */
export function callDeadline({ now, timeoutMs, inbound, reserveMs }: CallTime): number {
  const until = Math.min(now + timeoutMs, inbound === undefined ? Infinity : inbound - reserveMs);
  return until === Infinity ? until : Math.min(until, now + LONGEST_MS);
}
