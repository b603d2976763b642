import type { Arrivals } from '@acme/nest-message-context';
import { KeyLanes } from '../core/key-lanes.js';

/** The lanes of each consumer: messages of different queues have no order among each other. */
export class ConsumerLanes {
  readonly #lanes = new Map<Arrivals, KeyLanes>();
  #isReleased = false;

  of(arrivals: Arrivals): KeyLanes {
    let lanes = this.#lanes.get(arrivals);
    if (!lanes) {
      this.#lanes.set(arrivals, (lanes = new KeyLanes()));
      if (this.#isReleased) lanes.release();
    }
    return lanes;
  }

  /** Whether messages of this queue have an order here. */
  haveQueue(queue: string): boolean {
    return [...this.#lanes.keys()].some((arrivals) => arrivals.queue === queue);
  }

  /** Nothing begins any more. */
  release(): void {
    this.#isReleased = true;
    for (const lanes of this.#lanes.values()) lanes.release();
  }
}
