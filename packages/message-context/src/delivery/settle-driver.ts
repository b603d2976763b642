import type { SettleDecision } from './decision.js';

/** How a consumer refuses a delivery, without ever throwing into the client library. */
export interface Refusals {
  /** To the broker's dead-letter place, or dropped where the queue has none. */
  reject(): void;
  /** `counts`: whether this brings the message nearer to the broker's delivery limit, where the broker can tell. */
  requeue(counts: boolean): void;
}

/** Nothing is held longer than this: a held message fills a prefetch slot. */
const LONGEST_HOLD_MS = 5_000;

/**
 * How long a failed message is held before it is given back when its error names no delay. Longer with each attempt: quorum
 * queues count, and an outage of a database must not use up the attempts of everything in work.
 */
export const holdAfterFailureMs = (attempt: number): number =>
  Math.min(attempt * 1_000, LONGEST_HOLD_MS);

/**
 * Carries out "retry" where no broker-side delay is at hand: the message is held here, then given back. Held messages fill
 * prefetch slots, hence the limit.
 */
export class LocalHold {
  readonly #held = new Map<NodeJS.Timeout, () => void>();
  #released = false;

  /** Runs `then` after the delay, at most `LONGEST_HOLD_MS`; at once when the application is shutting down. */
  for(afterMs: number, then: () => void): void {
    if (this.#released) return then();
    const timer = setTimeout(
      () => {
        this.#held.delete(timer);
        then();
      },
      Math.min(afterMs, LONGEST_HOLD_MS),
    );
    this.#held.set(timer, then);
  }

  /** Gives back everything held, and holds nothing any more. */
  release(): void {
    this.#released = true;
    for (const [timer, then] of this.#held) {
      clearTimeout(timer);
      then();
    }
    this.#held.clear();
  }
}

/** Refuses a delivery as decided; `ack` is not a refusal and is left to the caller. */
export function refuse(
  decision: Exclude<SettleDecision, { action: 'ack' }>,
  refusals: Refusals,
  { hold, attempt }: { readonly hold: LocalHold; readonly attempt: number },
): void {
  switch (decision.action) {
    case 'requeue':
      return refusals.requeue(false);
    case 'retry':
      return hold.for(decision.afterMs ?? holdAfterFailureMs(attempt), () =>
        refusals.requeue(decision.countAttempt),
      );
    case 'reject':
    case 'park':
      return refusals.reject();
  }
}
