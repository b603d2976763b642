import type { AttemptKey, AttemptStore } from '@acme/nest-message-context';
import { within } from '@acme/nest-message-context/kit';
import type { Logger } from '@nestjs/common';
import { textOf } from '../core/read-safely.js';

/** Longer nobody waits: everything that came later waits as well. */
const TIMEOUT_MS = 5_000;
/** A store that has failed is not asked for so long. No longer: a process that dies soon would never ask it. */
const LEFT_ALONE_MS = 5_000;
const SAID_EVERY_MS = 60_000;

/** The store as the guard needs it: it never fails, and nobody waits for it long. */
export class Attempts {
  #failedAt = -Infinity;
  #saidAt = -Infinity;
  readonly #pending = new Set<Promise<void>>();

  constructor(
    private readonly store: AttemptStore | undefined,
    private readonly log: Pick<Logger, 'warn'>,
  ) {}

  /** Whether there is one that outlives a crash. */
  get areKept(): boolean {
    return this.store !== undefined && !this.store.volatile;
  }

  /** Undefined where the store cannot be asked. */
  crashes(key: AttemptKey): Promise<number | undefined> {
    return this.#ask((store) => store.crashes(key));
  }

  async begin(key: AttemptKey): Promise<void> {
    await this.#ask((store) => store.begin(key));
  }

  /** Not waited for; see `idle`. */
  end(key: AttemptKey, begun: Promise<unknown>): void {
    const ending = this.#end(key, begun);
    this.#pending.add(ending);
    void ending.finally(() => this.#pending.delete(ending));
  }

  /** Resolves when all that has ended is written down. */
  async idle(): Promise<void> {
    await Promise.all(this.#pending);
  }

  async #end(key: AttemptKey, begun: Promise<unknown>): Promise<void> {
    // In their order: on two connections the end could come first.
    await begun;
    await this.#ask((store) => store.end(key));
  }

  async #ask<T>(question: (store: AttemptStore) => Promise<T>): Promise<T | undefined> {
    const { store } = this;
    if (!store || performance.now() - this.#failedAt < LEFT_ALONE_MS) return undefined;
    try {
      return await within(
        TIMEOUT_MS,
        question(store),
        () => new Error(`no answer within ${TIMEOUT_MS / 1_000} s`),
      );
    } catch (error) {
      this.#failed(store.label, error);
      return undefined;
    }
  }

  #failed(label: string, error: unknown): void {
    const now = performance.now();
    this.#failedAt = now;
    if (now - this.#saidAt < SAID_EVERY_MS) return;
    this.#saidAt = now;
    this.log.warn(
      `The attempt store (${label}) cannot be asked: ${textOf(error)}. Messages are handled all the same, and one that kills the process is not recognised meanwhile. See that the store can be reached.`,
    );
  }
}
