import type { MessageContext } from '../context/message-context.js';
import type { AmqpDeliveryLike } from '../facts/amqp-facts.js';
import { decisionFor } from './decide.js';
import type { SettleDecision } from './decision.js';
import type { RecordedDelivery } from './delivery.js';
import type { AmqpChannelLike } from './guarded-channel.js';
import { DEFAULT_RETRY_MS, refuse, type LocalHold } from './settle-driver.js';

/** Settles the deliveries of Nest's stock RabbitMQ server by outcome, on the channel that delivered them. */
export class NestRmqDriver {
  constructor(
    private readonly hold: LocalHold,
    private readonly warn: (text: string) => void,
  ) {}

  succeeded(context: MessageContext, delivery: AmqpDeliveryLike, channel: AmqpChannelLike): void {
    this.carryOut(context.message.delivery.decision ?? { action: 'ack' }, delivery, channel);
  }

  /** A decision taken before the failure gives way to it when it was an ack: what it stood for was rolled back. */
  failed(
    error: unknown,
    context: MessageContext,
    delivery: AmqpDeliveryLike,
    channel: AmqpChannelLike,
  ): void {
    const { decision, thrown } = context.message.delivery as RecordedDelivery;
    const kept = decision?.action === 'ack' ? undefined : decision;
    this.carryOut(
      kept ?? decisionFor(thrown ? thrown.error : error, DEFAULT_RETRY_MS),
      delivery,
      channel,
    );
  }

  private carryOut(
    decision: SettleDecision,
    delivery: AmqpDeliveryLike,
    channel: AmqpChannelLike,
  ): void {
    const safely = (settle: () => void): void => {
      try {
        settle();
      } catch (error) {
        // The channel is closed: the broker has the message again already. Throwing here would end the connection or the process.
        this.warn(
          `Could not ${decision.action} delivery ${delivery.fields.deliveryTag} (${String(error)}): its channel is closed, ` +
            'the broker delivers the message again.',
        );
      }
    };
    if (decision.action === 'ack') return safely(() => channel.ack(delivery));
    refuse(
      decision,
      {
        reject: () => safely(() => channel.reject(delivery, false)),
        requeue: () => safely(() => channel.reject(delivery, true)),
      },
      this.hold,
    );
  }
}
