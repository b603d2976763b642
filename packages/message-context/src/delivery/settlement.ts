import type { InboundMessage } from '../context/inbound-message.js';
import type { HandlerMethod } from '../doors/handler-method.js';
import type { AmqpDeliveryLike } from '../transports/amqp/amqp-facts.js';
import type { SettleDecision } from './decision.js';

/**
 * What the broker is told of a delivery in the end.
 *
 * `requeue` says "this consumer cannot" (`basic.nack`); `requeue-counted` says "this message failed" (`basic.reject`): from
 * RabbitMQ 4.3 on quorum queues count towards their delivery limit what is rejected, not what is nacked. Before, they count both.
 */
export type BrokerAnswer = 'ack' | 'reject' | 'requeue' | 'requeue-counted';

/** One delivery, or one batch of golevelup, that is not simply acked. */
export interface Settling {
  /** What was decided, by the handler, by a stage or by the class of the error. */
  readonly decision: Exclude<SettleDecision, { action: 'ack' }>;
  /** The message as its handler saw it. A batch has neither id nor headers. */
  readonly message: InboundMessage;
  /** The method that it was delivered to; undefined where it came to none, or to a function that is no method. */
  readonly handler: HandlerMethod | undefined;
  /** As the client library delivered them: one, or all those of a batch. One answer is given for all. */
  readonly deliveries: readonly AmqpDeliveryLike[];
  /** The queue they were consumed from; undefined where the server has named it. */
  readonly queue: string | undefined;
  /** What was thrown, or the signal that was returned; undefined where the decision came without a failure. */
  readonly error: unknown;
  /**
   * The consumer looks for the routing key it was bound with and has the broker drop everything else (golevelup's
   * `@RabbitRPC`). A copy that comes back under the name of its queue would be lost there: give the delivery itself back.
   */
  readonly needsRoutingKey: boolean;
}

/** A handler that has just failed, with an error of its own or with `RetryLater`: nobody has decided anything else. */
export type FailedHandling = Pick<Settling, 'message' | 'handler' | 'queue' | 'error'>;

/**
 * How a decision other than `ack` is carried out: published to a delayed queue and then acked, held here and then given
 * back, rejected. Provide one under this token, exported by a global module; where nobody does, messages are held here.
 *
 * Called by the transports alone, once for each delivery or batch, after its handler has ended and everything it had open
 * is committed or rolled back. Deliveries are settled independently: calls overlap as far as the prefetch allows. What is
 * acked never comes here.
 */
export abstract class Settlement {
  /** What is parked is kept, whatever the queue says: boot does not ask for a dead-letter exchange. Read at boot. */
  abstract readonly keepsParked: boolean;

  /**
   * Carries the decision out, as far as that is not the broker's answer, and returns the answer. The delivery fills a
   * prefetch slot until then, and golevelup waits for it when it closes: so it has to come, after `release()` soon.
   *
   * An error, or an answer that is none, means that nothing was carried out: it is logged, and the message is held a few
   * seconds and given back. After `ack` the message is gone from the queue: return that only once it is safe elsewhere.
   */
  abstract answer(settling: Settling): BrokerAnswer | Promise<BrokerAnswer>;

  /**
   * Whether a handler that has failed is called once more, here, with its delivery still in hand: before anything is settled, and from its
   * guards on. Asked as well where it was put off (`RetryLater`) or given back (`Requeue`); not for requests and batches. Where messages have an order, this one has lost its place unless the settlement keeps
   * it. Resolves when it is time; false at once costs nothing.
   *
   * @param failed how often it has failed with this delivery in hand, 1 for the first time
   */
  repeats(_failure: FailedHandling, _failed: number): false | Promise<boolean> {
    return false;
  }

  /** The application shuts down: what is held is given back now, and nothing is held any more. `answer` may still be called. */
  abstract release(): void;
}
