import type { InboundMessage } from '../../context/inbound-message.js';
import type { MessageContext } from '../../context/message-context.js';
import type { AmqpDeliveryLike } from '../amqp/amqp-facts.js';
import { tellBroker } from '../amqp/tell-broker.js';
import { decisionFor } from '../../delivery/decide.js';
import type { AmqpChannelLike } from '../amqp/guarded-channel.js';
import { causeOf, repeatHere, type RepeatedOutcome } from '../../delivery/repeat-here.js';
import { reportFailure, type FailureLog } from '../../delivery/report-failure.js';
import type { BrokerAnswer, Settlement, Settling } from '../../delivery/settlement.js';
import { writeSafely } from '../../read-safely.js';

interface DriverParts {
  /** One that never fails. */
  readonly settlement: Settlement;
  readonly log: FailureLog;
  /** The server whose deliveries are settled. */
  readonly server: QueuedServerLike;
}

/** A server of RabbitMQ, as far as it says where its messages come from. */
export interface QueuedServerLike {
  readonly queue?: string;
  /** Of a server with several queues. */
  queueOf?(delivery: AmqpDeliveryLike): string | undefined;
}

/** The queue that a delivery came from; undefined where the server has named it. */
export const queueOf = (server: QueuedServerLike, delivery: AmqpDeliveryLike): string | undefined =>
  (server.queueOf ? server.queueOf(delivery) : server.queue) || undefined;

type Decided = Pick<Settling, 'decision' | 'message' | 'error'>;

/** Settles the deliveries of Nest's stock RabbitMQ server by outcome, on the channel that delivered them. */
export class NestRmqDriver {
  constructor(private readonly parts: DriverParts) {}

  succeeded(context: MessageContext, delivery: AmqpDeliveryLike, channel: AmqpChannelLike): void {
    const { delivery: recorded, thrown } = context.message;
    const { decision, decidedIn = context } = recorded;
    if (!decision || decision.action === 'ack') return this.tell('ack', delivery, channel);
    // A request that failed ends here, too: its caller was answered.
    const decided = { decision, message: decidedIn.message, error: thrown?.error };
    this.carryOut(decided, delivery, channel);
  }

  /** How a handler has ended that failed. */
  outcomeOf(
    error: unknown,
    message: InboundMessage,
    run: () => Promise<unknown>,
    delivery: AmqpDeliveryLike,
  ): RepeatedOutcome | Promise<RepeatedOutcome> {
    const { settlement, server } = this.parts;
    const [handler, queue] = [message.deliveredTo, queueOf(server, delivery)];
    return repeatHere(error, { settlement, run, message, handler, queue });
  }

  /** A decision taken before the failure gives way to it when it was an ack: what it stood for was rolled back. */
  failed(
    error: unknown,
    context: MessageContext,
    delivery: AmqpDeliveryLike,
    channel: AmqpChannelLike,
  ): void {
    const { message } = context;
    const kept = message.delivery.decision;
    const cause = causeOf(error, message);
    const decision = kept && kept.action !== 'ack' ? kept : decisionFor(cause);
    // Nest's own filter has written down what it did not know, stack and all.
    reportFailure(this.parts.log, message, cause, decision, { alreadyLogged: true });
    if (decision.action === 'ack') return this.tell('ack', delivery, channel);
    this.carryOut({ decision, message, error: cause }, delivery, channel);
  }

  private carryOut(
    { decision, message, error }: Decided,
    delivery: AmqpDeliveryLike,
    channel: AmqpChannelLike,
  ): void {
    const answer = this.parts.settlement.answer({
      decision,
      message,
      error,
      handler: message.deliveredTo,
      deliveries: [delivery],
      queue: queueOf(this.parts.server, delivery),
      needsRoutingKey: false,
    });
    if (typeof answer === 'string') return this.tell(answer, delivery, channel);
    void answer.then((late) => this.tell(late, delivery, channel));
  }

  private tell(answer: BrokerAnswer, delivery: AmqpDeliveryLike, channel: AmqpChannelLike): void {
    try {
      tellBroker(channel, delivery, answer);
    } catch (error) {
      // The channel is closed: the broker has the message again already. Throwing here would end the connection or the process.
      this.parts.log.warn(
        `Could not ${answer} delivery ${delivery.fields.deliveryTag} (${writeSafely(error)}): its channel is closed, ` +
          'the broker delivers the message again.',
      );
    }
  }
}
