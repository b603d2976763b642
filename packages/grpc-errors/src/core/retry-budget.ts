const MOST = 10;
/** Of what is earned by a call that was answered: one more attempt for ten of those. */
const EARNED = 0.1;

/**
 * Keeps a service that is down from being asked twice as often for that: each failure takes a token, and as long as fewer than half of them are left, nothing is asked
 * again (gRFC A6).
 */
export class RetryBudget {
  #tokens = MOST;

  answered(): void {
    this.#tokens = Math.min(MOST, this.#tokens + EARNED);
  }

  /** Whether another attempt may be made. */
  failed(): boolean {
    this.#tokens = Math.max(0, this.#tokens - 1);
    return this.#tokens > MOST / 2;
  }
}
