import { AsyncResource } from 'node:async_hooks';
import { within } from '@acme/nest-message-context/kit';
import { Signal } from '../relay/signal.js';

/** A process tells no more often, whatever it commits: every NOTIFY takes its turn in the whole server. */
const PAUSE_MS = 25;
/** A statement on a dead connection may hang for minutes. The next one has another connection. */
const TIMEOUT_MS = 5_000;
/** The shutdown does not wait longer for a hint. */
const FLUSH_MS = 1_000;

/** What becomes of hints. */
export interface HintEvents {
  /** The first one that was lost since the last that was not. */
  failing(error: unknown): void;
  recovered(lost: number): void;
}

/** Sends a hint at once, and one more at the end of a pause for all that were wanted meanwhile. */
export class HintTeller {
  readonly #signal = new Signal();
  #wanted = false;
  #telling: Promise<void> | undefined;
  #lost = 0;
  #mayPause = true;
  #isEnding = false;

  constructor(
    private readonly send: () => Promise<void>,
    private readonly events: HintEvents,
  ) {}

  /** Cheap; never throws. */
  readonly tell = (): void => {
    this.#wanted = true;
    this.#telling ??= this.#start();
  };

  /** For the shutdown: tells what is left, without a pause. From then on, failures are nobody's interest. */
  async flush(): Promise<void> {
    this.#isEnding = true;
    if (!this.#telling) return;
    this.#mayPause = false;
    this.#signal.raise();
    await within(FLUSH_MS, this.#telling, timedOut).catch(() => {});
  }

  // It goes on for others after the request that began it, and must not keep what belongs to that one.
  readonly #start = AsyncResource.bind(async (): Promise<void> => {
    while (this.#wanted) {
      this.#wanted = false;
      const next = performance.now() + PAUSE_MS;
      await this.#send();
      if (this.#mayPause) await this.#signal.wait(next - performance.now());
    }
    this.#mayPause = true;
    this.#telling = undefined;
  });

  async #send(): Promise<void> {
    try {
      await within(TIMEOUT_MS, this.send(), timedOut);
      if (this.#lost > 0) this.events.recovered(this.#lost);
      this.#lost = 0;
    } catch (error) {
      this.#lost += 1;
      if (this.#lost === 1 && !this.#isEnding) this.events.failing(error);
    }
  }
}

const timedOut = (): Error => new Error(`The database did not answer within ${TIMEOUT_MS} ms.`);
