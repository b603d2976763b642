import type { Duration } from '@acme/nest-message-context/kit';
import type { QueueType } from '../core/hop-queues.js';

/** When a message that failed is tried again. */
export interface RetryOptions {
  /**
   * Deliveries, the first included; after so many failures a message is parked.
   * @default 5
   */
  readonly attempts?: number | undefined;
  /**
   * How the pause grows: doubled (or by `factor`), by `initial` each time, or not at all. A list says each pause; its last entry
   * is used as often as needed.
   * @default 'exponential'
   */
  readonly backoff?: 'exponential' | 'linear' | 'fixed' | readonly Duration[] | undefined;
  /**
   * The first pause.
   * @default '1s'
   */
  readonly initial?: Duration | undefined;
  /**
   * Of `'exponential'`.
   * @default 2
   */
  readonly factor?: number | undefined;
  /**
   * No pause is longer.
   * @default '10m'
   */
  readonly max?: Duration | undefined;
  /**
   * Whether messages that failed together come back at different times: each waits for its own pause or for the next one.
   * @default true
   */
  readonly jitter?: boolean | undefined;
  /**
   * No attempt begins later than this after the first failure.
   * @default '1d'
   */
  readonly maxElapsed?: Duration | undefined;
  /**
   * How often a message is put off that is not to blame (`RetryLater` with `countAttempt: false`) before it is parked.
   * @default 20
   */
  readonly maxDeferrals?: number | undefined;
  /**
   * How often a handler that has failed is called again at once, with its delivery still in hand, before an attempt counts as failed: for
   * what passes within moments, a deadlock or a lost connection of a pool. Not of requests, batches, ordered handlers,
   * and events with several handlers.
   * @default 0
   */
  readonly immediate?: number | undefined;
  /**
   * The pause before each of these calls; 5 seconds at most, since a prefetch slot is filled meanwhile.
   * @default '50ms'
   */
  readonly immediatePause?: Duration | undefined;
  /**
   * What becomes of an error, where nobody has decided it (`RetryLater`, `DeadLetter`, …): `true` it is tried again, a duration not before
   * that, `false` it is parked; `undefined`: as usual, 4xx parked and everything else tried again. Not of requests.
   */
  readonly retryIf?: ((error: unknown) => boolean | Duration | undefined) | undefined;
  /**
   * A message is also parked when the process has died so often in a row while it handled nothing else. That is known where an attempt
   * store is (`IdempotencyModule` brings one); without one a quorum queue counts its deliveries, and nobody does for a classic queue.
   * @default 3
   */
  readonly crashes?: number | undefined;
}

/** Where messages go that are given up. */
export interface DeadLetterOptions {
  /**
   * The name of the queue; declared when it is first needed. Where one for all is consumed itself, what fails there goes to a `.dlq`
   * of its own.
   * @default `<queue>.dlq`
   */
  readonly queue?: string | undefined;
  /**
   * Whether the first 4 KiB of the stack go along, as header `x-error-stack`.
   * @default true
   */
  readonly stack?: boolean | undefined;
  /**
   * Takes out of the words of an error what may not be kept (`x-error-message`, `x-error-stack`). The body of a message goes along as it is.
   */
  readonly redact?: ((text: string) => string) | undefined;
}

/** What is done with the messages of a queue. */
export interface QueuePolicyOptions {
  readonly retry?: RetryOptions | undefined;
  readonly deadLetter?: DeadLetterOptions | undefined;
  /**
   * Of the wait queues and the dead-letter queue.
   * @default 'quorum'
   */
  readonly queueType?: QueueType | undefined;
}
