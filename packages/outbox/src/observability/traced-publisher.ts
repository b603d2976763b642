import { Publisher, type OutboundMessage, type PublishOutcome } from '@acme/nest-message-context';
import type { Outcome } from '../relay/outcome.js';
import { publishEach } from '../relay/publish-each.js';
import { SendBatch } from './send-batch.js';
import type { Tracing } from './tracing.js';

type Told = (index: number, outcome: PublishOutcome) => void;

/** A publisher as the relay uses it, whose work is seen in spans. Passes everything on as it is where nobody traces. */
export class TracedPublisher extends Publisher {
  #batch: SendBatch | undefined;

  constructor(
    private readonly publisher: Publisher,
    private readonly tracing: Tracing,
  ) {
    super();
  }

  publish(messages: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    return this.publisher.publish(messages);
  }

  override publishEach(messages: readonly OutboundMessage[], told: Told): void {
    // Of whatever the publisher can do and throws: `told` passes on what only the relay makes of it, too.
    const tell = told as (index: number, outcome: Outcome) => void;
    if (!this.tracing.isWanted) return publishEach(this.publisher, messages, tell);
    const batches = messages.map((message) => this.#enter(message));
    this.tracing.quietly((outside) =>
      publishEach(this.publisher, messages, (index, outcome) =>
        outside(() => {
          // First this: what is published because of it belongs to the same batch, and its outcome is in nobody's way.
          tell(index, outcome);
          const batch = batches[index];
          if (batch?.settle(outcome) && batch === this.#batch) this.#batch = undefined;
        }),
      ),
    );
  }

  #enter(message: OutboundMessage): SendBatch {
    if (!this.#batch || this.#batch.isFull) this.#batch = new SendBatch(this.tracing);
    this.#batch.add(message);
    return this.#batch;
  }
}
