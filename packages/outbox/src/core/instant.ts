/** One moment, by both clocks of this process. */
export interface Instant {
  /** Never set back, but on Linux it stands still while the machine is suspended. */
  readonly monotonicMs: number;
  /** Goes on while the machine is suspended, but NTP and people set it forward and back. */
  readonly wallMs: number;
}

/**
 * How long ago `since` was, by whichever clock says more: for a lease, which the database counts on while this machine
 * sleeps. A wall clock that is set forward costs a lease as much as the step, one that is set back nothing.
 */
export function elapsedMs(since: Instant, now: Instant): number {
  return Math.max(now.monotonicMs - since.monotonicMs, now.wallMs - since.wallMs);
}
