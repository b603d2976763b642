import type { OutboundMessage } from '@acme/nest-message-context';
import type { Duration } from '@acme/nest-message-context/kit';

/** A message for `Outbox.add()`. */
export interface OutboxMessage extends OutboundMessage {
  /**
   * Leaves at this time at the earliest: a `Date`, or Unix milliseconds. Its place among the messages of its key is that of
   * the time at which it is due; until then it holds up none of them.
   * @default at once
   */
  readonly availableAt?: Date | number | undefined;
  /** The same, counted from now by the database's clock: milliseconds or `'15m'`. Not together with `availableAt`. */
  readonly delay?: Duration | undefined;
}
