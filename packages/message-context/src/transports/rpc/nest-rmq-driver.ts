import type { MessageContext } from '../../context/message-context.js';
import type { AmqpDeliveryLike } from '../amqp/amqp-facts.js';
import { decisionFor } from '../../delivery/decide.js';
import type { SettleDecision } from '../../delivery/decision.js';
import type { AmqpChannelLike } from '../amqp/guarded-channel.js';
import { signalOf } from '../../delivery/outcome-signals.js';
import { reportFailure, type FailureLog } from '../../delivery/report-failure.js';
import { refuse, type LocalHold } from '../../delivery/settle-driver.js';
import { writeSafely } from '../../read-safely.js';

/** Settles the deliveries of Nest's stock RabbitMQ server by outcome, on the channel that delivered them. */
export class NestRmqDriver {
  constructor(
    private readonly hold: LocalHold,
    private readonly log: FailureLog,
  ) {}

  succeeded(context: MessageContext, delivery: AmqpDeliveryLike, channel: AmqpChannelLike): void {
    const { attempt, delivery: decided } = context.message;
    this.carryOut(decided.decision ?? { action: 'ack' }, attempt, delivery, channel);
  }

  /** A decision taken before the failure gives way to it when it was an ack: what it stood for was rolled back. */
  failed(
    error: unknown,
    context: MessageContext,
    delivery: AmqpDeliveryLike,
    channel: AmqpChannelLike,
  ): void {
    const { thrown } = context.message;
    const { decision } = context.message.delivery;
    const kept = decision?.action === 'ack' ? undefined : decision;
    // Filters make words for the sender of an error. A signal is no such words: a filter that throws one has decided.
    const cause = thrown && !signalOf(error) ? thrown.error : error;
    const settled = kept ?? decisionFor(cause);
    // Nest's own filter has written down what it did not know, stack and all.
    reportFailure(this.log, context.message, cause, settled, { alreadyLogged: true });
    this.carryOut(settled, context.message.attempt, delivery, channel);
  }

  private carryOut(
    decision: SettleDecision,
    attempt: number,
    delivery: AmqpDeliveryLike,
    channel: AmqpChannelLike,
  ): void {
    const safely = (settle: () => void): void => {
      try {
        settle();
      } catch (error) {
        // The channel is closed: the broker has the message again already. Throwing here would end the connection or the process.
        this.log.warn(
          `Could not ${decision.action} delivery ${delivery.fields.deliveryTag} (${writeSafely(error)}): its channel is closed, ` +
            'the broker delivers the message again.',
        );
      }
    };
    if (decision.action === 'ack') return safely(() => channel.ack(delivery));
    refuse(
      decision,
      {
        reject: () => safely(() => channel.reject(delivery, false)),
        // From RabbitMQ 4.3 on quorum queues count what is rejected, not what is nacked; before, they count both.
        requeue: (counts) =>
          safely(() =>
            counts ? channel.reject(delivery, true) : channel.nack(delivery, false, true),
          ),
      },
      { hold: this.hold, attempt },
    );
  }
}
