import { Pauses } from '../kit/pauses.js';
import { Settlement, type BrokerAnswer, type Settling } from './settlement.js';

/** Nothing is held longer than this: a held message fills a prefetch slot. */
const LONGEST_HOLD_MS = 5_000;

/**
 * How long a failed message is held before it is given back when its error names no delay. Longer with each attempt: quorum
 * queues count, and an outage of a database must not use up the attempts of everything in work.
 */
export const holdAfterFailureMs = (attempt: number): number =>
  Math.min(attempt * 1_000, LONGEST_HOLD_MS);

/**
 * Settles with what every broker has: "retry" holds the message here, then gives it back; "park" leaves it to the dead-letter
 * exchange of its queue, and the broker drops it where there is none.
 */
export class LocalSettlement extends Settlement {
  readonly keepsParked = false;

  /** @param pauses over where what is held is to be given back */
  constructor(private readonly pauses = new Pauses()) {
    super();
  }

  answer({
    decision,
    message,
  }: Pick<Settling, 'decision' | 'message'>): BrokerAnswer | Promise<BrokerAnswer> {
    switch (decision.action) {
      case 'requeue':
        return 'requeue';
      case 'retry':
        return this.#hold(
          decision.afterMs ?? holdAfterFailureMs(message.attempt),
          decision.countAttempt ? 'requeue-counted' : 'requeue',
        );
      case 'reject':
      case 'park':
        return 'reject';
    }
  }

  release(): void {
    this.pauses.release();
  }

  #hold(afterMs: number, answer: BrokerAnswer): BrokerAnswer | Promise<BrokerAnswer> {
    if (this.pauses.areOver) return answer;
    return this.pauses.wait(Math.min(afterMs, LONGEST_HOLD_MS)).then(() => answer);
  }
}
