import { OrderStore, type OrderedKey } from '@acme/nest-message-context';
import { orderIdOf } from '../core/identity.js';
import type { IdempotencyStore } from '../core/store.js';

/** The same for everybody: whoever knows better replaces what another one has written. */
const TOKEN = 'order';

/** Keeps what is known of the order of keys in the store that claims are kept in: as the outcome of something that is done. */
export class StoredOrder extends OrderStore {
  readonly label: string;
  readonly volatile: boolean;

  constructor(
    private readonly store: IdempotencyStore,
    private readonly namespace: string,
  ) {
    super();
    this.label = store.label;
    this.volatile = store.volatile ?? false;
  }

  async read(key: OrderedKey): Promise<string | undefined> {
    return (await this.store.get(this.idOf(key)))?.outcome;
  }

  async write(key: OrderedKey, state: string, keepMs: number): Promise<void> {
    const request = {
      id: this.idOf(key),
      name: `order of ${key.queue}`,
      fingerprint: undefined,
      token: TOKEN,
    };
    const kept = await this.store.settle(request, state, keepMs);
    // Somebody else's record has that name: nothing of ours was written.
    if (kept === 'lost') throw new Error(`${this.label} has not kept the order of ${key.queue}.`);
  }

  async forget(key: OrderedKey): Promise<void> {
    await this.store.remove(this.idOf(key), 'done');
  }

  private idOf({ queue, key }: OrderedKey): string {
    return orderIdOf(this.namespace, queue, key);
  }
}
