import { backoffMs, type Backoff } from '@acme/nest-message-context/kit';

/**
 * Keeps messages back while the broker does not answer, so that an outage costs no message an attempt. One probe at a time
 * asks whether it is over.
 */
export class Breaker {
  #failures = 0;
  #retryAt = 0;

  constructor(
    private readonly backoff: Backoff,
    private readonly random: () => number,
  ) {}

  get isOpen(): boolean {
    return this.#failures > 0;
  }

  /** Probes that failed since it opened. */
  get failedProbes(): number {
    return Math.max(0, this.#failures - 1);
  }

  /** When the next probe is due; in the past while closed. */
  get retryAt(): number {
    return this.#retryAt;
  }

  /** The broker did not answer. Returns whether that is news. */
  trip(now: number): boolean {
    this.#failures += 1;
    this.#retryAt = now + backoffMs(this.#failures, this.backoff, this.random());
    return this.#failures === 1;
  }

  /** The broker answered, if only to refuse. Returns whether that is news. */
  close(): boolean {
    const wasOpen = this.isOpen;
    this.#failures = 0;
    this.#retryAt = 0;
    return wasOpen;
  }
}
