import { parkedMessageOf, type ParkedMessage } from '../core/parked-message.js';
import type { AmqpTakenLike } from '../publisher/amqp-like.js';
import type { RunEnd } from './dead-letters.types.js';
import type { QueueHold } from './queue-hold.js';

interface Step {
  readonly taken: AmqpTakenLike;
  readonly message: ParkedMessage;
}

/** Goes through the messages of a queue, no further than what was there when it began: what comes in meanwhile is not met. */
export class Walk {
  #looked = 0;
  #end: RunEnd | undefined;

  constructor(
    private readonly hold: QueueHold,
    private readonly bounds: { readonly scan: number; readonly signal: AbortSignal },
  ) {}

  /** How many were looked at. */
  get looked(): number {
    return this.#looked;
  }

  /** Why there was no next one. */
  get end(): RunEnd {
    return this.#end ?? 'done';
  }

  /** Messages that were there when it began, and were not looked at. */
  get left(): number {
    return this.#end === 'done' ? 0 : Math.max(0, this.hold.ready - this.#looked);
  }

  endBy(end: RunEnd): void {
    this.#end = end;
  }

  async next(): Promise<Step | undefined> {
    const { hold, bounds } = this;
    if (bounds.signal.aborted) return this.#ended('stopped');
    // Asked once at least: a stream says that it is empty, and that it cannot be asked only then.
    if (this.#looked >= Math.max(1, hold.ready)) return this.#ended('done');
    if (this.#looked >= bounds.scan) return this.#ended('scan');
    const taken = await hold.take();
    if (!taken) return this.#ended('done');
    this.#looked += 1;
    return { taken, message: parkedMessageOf(taken, hold.queue, this.#looked) };
  }

  #ended(end: RunEnd): undefined {
    this.#end = end;
    return undefined;
  }
}
