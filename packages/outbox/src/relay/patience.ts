import type { OutboxStore } from '../contracts/outbox-store.js';
import { OutboxStoreTimeoutError } from '../outbox.errors.js';
import { answerWithin } from './answer-within.js';

/** How long a relay waits for the database: for each answer so many milliseconds, and no longer than it has itself. */
export class Patience {
  readonly #waiting = new Set<() => void>();

  constructor(private ms: number) {}

  async for<T>(statement: Promise<T>): Promise<T> {
    let giveUp = (): void => {};
    const givenUp = new Promise<never>((_, fail) => {
      giveUp = () =>
        fail(
          new OutboxStoreTimeoutError(
            'The database had not answered when the relay had to stop. What it did not hear of is published again by the next relay.',
          ),
        );
    });
    this.#waiting.add(giveUp);
    try {
      return await answerWithin(this.ms, Promise.race([statement, givenUp]));
    } finally {
      this.#waiting.delete(giveUp);
    }
  }

  /** What is waited for fails now, and what is asked later after so many milliseconds. */
  shorten(ms: number): void {
    this.ms = ms;
    for (const giveUp of this.#waiting) giveUp();
  }
}

/** The same store, whose statements all end in time. What they do later does no harm. */
export function answering(store: OutboxStore, patience: Patience): OutboxStore {
  return limited(store, patience);
}

function limited<T extends object>(asked: T, patience: Patience): T {
  return new Proxy(asked, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (name === 'operations') return limited(member as object, patience);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => patience.for(member.apply(target, args) as Promise<unknown>);
    },
  });
}
