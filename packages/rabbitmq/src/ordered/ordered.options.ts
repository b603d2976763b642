import type { InboundMessage } from '@acme/nest-message-context';
import type { Duration } from '@acme/nest-message-context/kit';

/** What a function that reads the key of a message is given. */
export interface OrderedCall {
  readonly message: InboundMessage;
  /** What the handler is called with: after pipes, as its parameter decorators left it. */
  readonly args: readonly unknown[];
}

/** Where the key of a message is: the name of whatever its order is about. A text or a number. */
export type OrderKeySource =
  /** Of the message as it was published: also where it comes from a wait queue. */
  | 'routingKey'
  | { readonly header: string }
  /** A path in the payload: `'order.id'`. */
  | { readonly payload: string }
  | ((call: OrderedCall) => string | number | bigint);

/** How the numbers of messages are watched: those of one key count up by one. The outbox writes them, with `sequence: true`. */
export interface SequenceOptions {
  /**
   * Where the number is: a whole number. A message without one is handled as it comes, and the log says so once.
   * @default 'x-sequence'
   */
  readonly header?: string | undefined;
  /**
   * What becomes of a message before which others are missing. `'warn'`: it is handled, and the log says what is missing. `'hold'`: it
   * waits for them, and those of its key behind it, up to `holdMax`; then it is handled as with `'warn'`.
   * @default 'warn'
   */
  readonly onGap?: 'warn' | 'hold' | undefined;
  /**
   * What waits fills the prefetch, and what it waits for may have been parked elsewhere or lost. Longer than a retry takes that may
   * bring it, and ten minutes at most.
   * @default '30s'
   */
  readonly holdMax?: Duration | undefined;
  /**
   * The number that every key begins with: 1 for the outbox. Then those are missed as well that should have come before the first one
   * of a key. Not for a queue that was bound when its keys had begun.
   * @default whatever comes first
   */
  readonly startsAt?: number | undefined;
}

/** Options of `@RmqOrdered()`. */
export interface RmqOrderedOptions {
  /**
   * Messages of one key are handled one after the other. One without a key is parked: `ORDER_KEY_MISSING`. A function reads what pipes
   * have made of a message: what fails in a guard or a pipe is overtaken then.
   */
  readonly key: OrderKeySource;
  /**
   * What becomes of the order when a message fails that could be tried again. `'block'`: it is tried again here, after the pauses
   * of its queue, and those behind it wait until it has succeeded or is parked. `'park-key'`: the same, and when it is parked its key is
   * stopped: those behind it are parked as well, until they are redriven in their order. `'skip'`: it goes to its wait queue at the
   * broker, and those behind it overtake it.
   *
   * `'park-key'` needs an `OrderStore`, which `IdempotencyModule` brings along, and a `key` that can be read before pipes: no function.
   * @default 'block'
   */
  readonly onFailure?: 'block' | 'park-key' | 'skip' | undefined;
  /**
   * Watches the numbers of messages: what is missing, comes late or comes twice. Needs an `OrderStore`, which `IdempotencyModule` brings
   * along, and a queue that gets all messages of a key.
   * @default numbers are not looked at
   */
  readonly sequence?: SequenceOptions | undefined;
}
