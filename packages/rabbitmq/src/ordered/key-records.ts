import type { OrderedKey, OrderStore } from '@acme/nest-message-context';
import { within } from '@acme/nest-message-context/kit';
import { stateIn, textOfState, type KeyState } from '../core/key-state.js';

/** Longer nobody waits for a store at once. */
const TIMEOUT_MS = 5_000;
/** A key of which nothing came for so long begins anew. */
const SEQUENCE_KEPT_MS = 30 * 24 * 60 * 60_000;
/** Forgotten, a key that is stopped would go on before what is parked of it. */
const LINE_KEPT_MS = 10 * 365 * 24 * 60 * 60_000;

/** What the store keeps of one key, for whoever's turn it is. */
export class KeyRecord {
  /** Whoever has it open. */
  users = 0;
  /** Resolves when all turns that were asked for have ended. */
  last: Promise<unknown> = Promise.resolve();
  /** As the store has it, for as long as somebody has this open: a message that follows on need not ask. */
  #known: KeyState | undefined;

  constructor(
    private readonly key: OrderedKey,
    private readonly store: OrderStore,
  ) {}

  /** @param isFresh asks the store in any case: another process may have changed it */
  async read(isFresh = false): Promise<KeyState> {
    if (isFresh || !this.#known) {
      const text = await this.#within(this.store.read(this.key));
      // What is none of ours is replaced by what we find.
      this.#known = (text !== undefined && stateIn(text)) || {};
    }
    return this.#known;
  }

  /** Resolves when it is kept; nothing is written where nothing was changed. */
  async keep(state: KeyState): Promise<void> {
    if (state === this.#known) return;
    // Whether it is kept, nobody knows until it is.
    this.#known = undefined;
    const { sequence, line } = state;
    const keepMs = line ? LINE_KEPT_MS : SEQUENCE_KEPT_MS;
    await this.#within(
      sequence || line
        ? this.store.write(this.key, textOfState(state), keepMs)
        : this.store.forget(this.key),
    );
    this.#known = state;
  }

  #within<T>(work: Promise<T>): Promise<T> {
    return within(TIMEOUT_MS, work, () => new Error(`no answer within ${TIMEOUT_MS / 1_000} s`));
  }
}

/**
 * The records of keys that are in use. Of one key everything happens in the order in which it was asked for, whoever asks: a message that
 * was refused before it took its place in its lane stops its key before the next one looks.
 */
export class KeyRecords {
  readonly #records = new Map<string, KeyRecord>();

  constructor(private readonly store: OrderStore | undefined) {}

  get label(): string {
    return this.store?.label ?? 'none';
  }

  /** From now on what is known of it need not be read for each message. To be closed. */
  open(key: OrderedKey): () => void {
    const [name, record] = this.#recordOf(key);
    record.users += 1;
    return () => this.#leave(name, record);
  }

  /** One turn: whoever asks about this key meanwhile waits until it has ended. */
  async turn<T>(key: OrderedKey, work: (record: KeyRecord) => Promise<T>): Promise<T> {
    const [name, record] = this.#recordOf(key);
    record.users += 1;
    const done = record.last.then(() => work(record));
    record.last = done.catch(() => {});
    try {
      return await done;
    } finally {
      this.#leave(name, record);
    }
  }

  #recordOf(key: OrderedKey): [string, KeyRecord] {
    const name = JSON.stringify([key.queue, key.key]);
    let record = this.#records.get(name);
    // Boot has refused to go without a store.
    if (!record) this.#records.set(name, (record = new KeyRecord(key, this.store!)));
    return [name, record];
  }

  #leave(name: string, record: KeyRecord): void {
    record.users -= 1;
    if (record.users === 0) this.#records.delete(name);
  }
}
