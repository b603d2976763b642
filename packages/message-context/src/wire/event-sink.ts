import type { OutboundMessage } from './outbound-message.js';

/**
 * Takes messages into the ambient transaction: they leave if, and only if, it commits.
 *
 * Throws when no transaction is open: a message is never accepted without that promise.
 */
export abstract class EventSink {
  abstract add(messages: OutboundMessage | readonly OutboundMessage[]): Promise<void>;
}
