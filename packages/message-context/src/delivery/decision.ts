/**
 * What is to happen to the delivery being handled. `park` means: to a dead-letter place, with the reason.
 *
 * No decision: a handler that returns is acked, an error is settled by its class (see `decisionFor`).
 */
export type SettleDecision =
  | { readonly action: 'ack' }
  /** Back to the broker at once; for "this consumer cannot", not for "this message failed". */
  | { readonly action: 'requeue' }
  /** Refused without a reason; the broker dead-letters or drops it. */
  | { readonly action: 'reject' }
  | {
      readonly action: 'retry';
      /** Milliseconds until the next attempt; undefined: longer with each one, one second to five. */
      readonly afterMs?: number | undefined;
      /** `false` when the message is not to blame: the attempt does not bring it nearer to being parked. */
      readonly countAttempt: boolean;
    }
  | {
      readonly action: 'park';
      /** Stable SCREAMING_SNAKE reason. */
      readonly code: string;
      readonly reason: string;
    };
