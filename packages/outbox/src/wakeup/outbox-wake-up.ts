import { Logger } from '@nestjs/common';
import type { WakeUpListener, WakeUps } from '../contracts/wake-ups.js';
import { HintTeller } from './hint-teller.js';

/** @internal Wakes the relays that a commit concerns: that of this process, and those of the others where the store can. */
export class OutboxWakeUp {
  readonly #logger: Logger;
  readonly #teller: HintTeller | undefined;
  #listener: WakeUpListener | undefined;

  constructor(
    private readonly wakeUps: WakeUps | undefined,
    private readonly wake: (inMs?: number) => void,
    feature: string | undefined,
  ) {
    this.#logger = new Logger(feature === undefined ? 'OutboxWakeUp' : `OutboxWakeUp ${feature}`);
    if (!wakeUps) return;
    this.#teller = new HintTeller(() => wakeUps.tell(), {
      failing: (error) =>
        this.#logger.warn(
          `Other processes cannot be told that something was added; they find it with their next poll. ${messageOf(error)}`,
        ),
      recovered: (lost) =>
        this.#logger.log(`Other processes can be told again; ${lost} hint(s) were lost.`),
    });
  }

  /**
   * To be called after each commit, with when what it added is due; cheap. The lane may be held by a relay anywhere, so all
   * are told of what is due now.
   */
  readonly committed = (inMs = 0): void => {
    this.wake(inMs);
    if (inMs <= 0) this.#teller?.tell();
  };

  /** For a process that relays. */
  listen(): void {
    this.#listener ??= this.wakeUps?.listen({
      heard: this.wake,
      deaf: (reason) =>
        this.#logger.warn(
          `The connection that listens hears nothing: ${reason.message}. It is tried again; until then what other processes add waits for the next poll (relay.pollInterval at most).`,
        ),
      restored: () => this.#logger.log('The connection that listens hears again.'),
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#listener?.close(), this.#teller?.flush()]);
    this.#listener = undefined;
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
