import type { OutboundMessage } from './outbound-message.js';

/** What became of one message. Only `confirmed` means that the broker has it in a queue. */
export type PublishOutcome =
  /** The broker took responsibility for it. */
  | { readonly status: 'confirmed' }
  /** The broker took it, found no queue and gave it back. Publishing it again changes nothing. */
  | { readonly status: 'unroutable'; readonly exchange: string; readonly routingKey: string }
  /** This message cannot be published as it is (too large, missing exchange, not serialisable, refused). */
  | { readonly status: 'rejected'; readonly error: Error }
  /**
   * The broker could not be asked, did not answer in time, or refused for now (nack): the message may or may not have
   * arrived, and a later try may succeed.
   */
  | { readonly status: 'unknown'; readonly error: Error };

/**
 * Hands messages to a broker and tells what became of each.
 *
 * Safe to call concurrently. Messages of one call are handed over in order, on one channel. Never rejects for a message's
 * sake: every message gets its outcome, at its own index. Rejects only when used after `close()`.
 */
export abstract class Publisher {
  abstract publish(messages: readonly OutboundMessage[]): Promise<PublishOutcome[]>;

  /**
   * The same, but each outcome is told as soon as it is known, once, with the message's index: what a relay needs that keeps a
   * window full. Optional; `publish` with one message at a time does the same, with more work for each.
   *
   * Throws, before anything was handed over, only when used after `close()`.
   */
  publishEach?(
    messages: readonly OutboundMessage[],
    told: (index: number, outcome: PublishOutcome) => void,
  ): void;
}
