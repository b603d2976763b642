import type { InboundMessage } from '@acme/nest-message-context';

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

/** Options of `@RmqOrdered()`. */
export interface RmqOrderedOptions {
  /** Messages of one key are handled one after the other. One without a key is parked: `ORDER_KEY_MISSING`. */
  readonly key: OrderKeySource;
  /**
   * What becomes of the order when a message fails that could be tried again. `'block'`: it is tried again here, after the pauses
   * of its queue, and those behind it wait until it has succeeded or is parked. `'skip'`: it goes to its wait queue at the broker,
   * and those behind it overtake it.
   * @default 'block'
   */
  readonly onFailure?: 'block' | 'skip' | undefined;
}
