import { OrderStore, type OrderedKey } from '@acme/nest-message-context';

/** Keeps order in the memory of the test, which outlives the applications it opens. */
export class KeptOrder extends OrderStore {
  readonly label = 'tests';
  readonly volatile: boolean = false;
  /** By key. */
  readonly kept = new Map<string, string>();
  /** What was asked, in order, as "read k0". */
  readonly asked: string[] = [];
  /** Instead of every answer, or of those to one question. */
  answers: ((what: 'read' | 'write' | 'forget', key: string) => unknown) | undefined;

  /** After each write. */
  written: (() => unknown) | undefined;

  async read({ key }: OrderedKey): Promise<string | undefined> {
    await this.#ask('read', key);
    return this.kept.get(key);
  }

  async write({ key }: OrderedKey, state: string): Promise<void> {
    await this.#ask('write', key);
    this.kept.set(key, state);
    await this.written?.();
  }

  async forget({ key }: OrderedKey): Promise<void> {
    await this.#ask('forget', key);
    this.kept.delete(key);
  }

  async #ask(what: 'read' | 'write' | 'forget', key: string): Promise<void> {
    this.asked.push(`${what} ${key}`);
    // As long as a database takes at least: not in the same turn of the event loop.
    await new Promise((done) => setImmediate(done));
    await this.answers?.(what, key);
  }
}
