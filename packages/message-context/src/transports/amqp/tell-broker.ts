import type { BrokerAnswer } from '../../delivery/settlement.js';
import type { AmqpChannelLike } from './guarded-channel.js';

/**
 * Gives the answer on the channel that delivered: for this one delivery, not for those before it. Throws where the channel is
 * closed.
 */
export function tellBroker(
  channel: AmqpChannelLike,
  delivery: unknown,
  answer: BrokerAnswer,
): void {
  switch (answer) {
    case 'ack':
      return channel.ack(delivery);
    case 'reject':
      return channel.reject(delivery, false);
    case 'requeue':
      return channel.nack(delivery, false, true);
    case 'requeue-counted':
      return channel.reject(delivery, true);
  }
}
