import type { BrokerFacts } from './broker-facts.js';

/** What is known when the broker has ended a consumer. */
export interface EndedConsumer {
  /** Whether its queue is there, now. */
  readonly queueExists: boolean;
  /** Whether this application has declared the queue, so that it may do so again. */
  readonly isDeclaredHere: boolean;
  /** Whether the queue belongs to the connection of the consumer: exclusive, or named by the server. */
  readonly belongsToConnection: boolean;
  /** Whether something delivered to it is not settled yet. */
  readonly hasUnsettled: boolean;
  readonly facts: Pick<BrokerFacts, 'ackTimeout'>;
}

/**
 * What brings such a consumer back.
 *
 * `consume`: on its channel. `declare`: its queue first. `wait`: somebody else declares the queue. `reconnect`: its client opens a new
 * connection and sets up everything on it, at the price that whatever is being handled comes again; only where nothing else helps.
 */
export type Cure = 'consume' | 'declare' | 'wait' | 'reconnect';

/**
 * A queue that is there has ended its consumer because a message was not settled in time, or because it has moved to another node.
 * From 4.3 on the former leaves the consumer half ended on its channel, because amqplib does not confirm (rabbitmq-server #17317): with
 * single-active-consumer the queue would then stand still. A new channel is needed, which only a new connection brings here.
 */
export function cureFor(ended: EndedConsumer): Cure {
  if (ended.queueExists)
    return ended.facts.ackTimeout === 'cancels-consumer' && ended.hasUnsettled
      ? 'reconnect'
      : 'consume';
  if (ended.belongsToConnection) return 'reconnect';
  return ended.isDeclaredHere ? 'declare' : 'wait';
}
