import { AttemptStore, type AttemptKey } from '@acme/nest-message-context';

/** Counts in the memory of the test, which outlives the applications it opens. */
export class CountedAttempts extends AttemptStore {
  readonly label = 'tests';
  /** What was begun and has not ended, by message id. */
  readonly begun = new Map<string, number>();
  /** What was asked, in order, as "begin m-1". */
  readonly asked: string[] = [];
  /** Instead of every answer. */
  answers: (() => Promise<never>) | undefined;

  /** @param died how often a process has died with them */
  constructor(
    died: Readonly<Record<string, number>> = {},
    readonly volatile = false,
  ) {
    super();
    for (const [id, count] of Object.entries(died)) this.begun.set(id, count);
  }

  async crashes({ messageId }: AttemptKey): Promise<number> {
    await this.#ask('crashes', messageId);
    return this.begun.get(messageId) ?? 0;
  }

  async begin({ messageId }: AttemptKey): Promise<void> {
    await this.#ask('begin', messageId);
    this.begun.set(messageId, (this.begun.get(messageId) ?? 0) + 1);
  }

  async end({ messageId }: AttemptKey): Promise<void> {
    await this.#ask('end', messageId);
    this.begun.delete(messageId);
  }

  async #ask(what: string, messageId: string): Promise<void> {
    this.asked.push(`${what} ${messageId}`);
    await this.answers?.();
  }
}
