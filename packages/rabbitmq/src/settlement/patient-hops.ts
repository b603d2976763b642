import { backoffMs } from '@acme/nest-message-context/kit';
import type { Logger } from '@nestjs/common';
import type { ClientPauses } from '../consumers/client-pauses.js';
import { LONGEST_HOLD_MS } from '../core/hold.js';
import type { Hop, HopPublisher } from './hop-publisher.js';

const PAUSE = { initialMs: 500, maxMs: 5_000 };

/**
 * Tries again until the broker takes a message. Given back to its queue instead, it would come again at once, and brokers count that:
 * beyond its delivery limit a message is dropped, through no fault of its own.
 */
export class PatientHops implements Pick<HopPublisher, 'publish'> {
  constructor(
    private readonly hops: Pick<HopPublisher, 'publish'>,
    private readonly pauses: Pick<ClientPauses, 'of'>,
    private readonly log: Pick<Logger, 'error'>,
  ) {}

  /** Rejects like a single try, once its client closes or the message was held for long. What is held then has one try more. */
  publish(hop: Hop): Promise<void> {
    return this.hops.publish(hop).catch((error: unknown) => this.#again(hop, error));
  }

  async #again(hop: Hop, first: unknown): Promise<void> {
    const deadline = performance.now() + LONGEST_HOLD_MS;
    const pauses = this.pauses.of(hop.delivery);
    let error = first;
    for (let tries = 1; ; tries += 1) {
      if (pauses.areOver || performance.now() >= deadline) throw error;
      if (tries === 1)
        this.log.error(
          `${error instanceof Error ? error.message : String(error)} The message is held here, and this is tried again.`,
        );
      await pauses.wait(backoffMs(tries, PAUSE, Math.random()));
      try {
        return await this.hops.publish(hop);
      } catch (failure) {
        error = failure;
      }
    }
  }
}
