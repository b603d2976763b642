import { AttemptStore, type AttemptKey } from '@acme/nest-message-context';
import { attemptIdOf } from '../core/identity.js';
import type { IdempotencyStore } from '../core/store.js';

/** The same for everybody: whoever has ended a handling need not be who has counted the last crash. */
const TOKEN = 'attempt';
/** Long past when a message comes back from a process that has died. */
const LOCK_MS = 1;
/** A platform that restarts a process does so within minutes; what was acked meanwhile is forgotten here. */
const KEPT_MS = 24 * 60 * 60_000;

/**
 * Counts crashes in the store that claims are kept in. A handling is a claim whose lease runs out at once, and stores count those as
 * long as nobody gives the key back.
 */
export class StoredAttempts extends AttemptStore {
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

  async crashes(key: AttemptKey): Promise<number> {
    return (await this.store.get(this.idOf(key)))?.attempt ?? 0;
  }

  async begin(key: AttemptKey): Promise<void> {
    await this.store.claim({
      id: this.idOf(key),
      name: `delivery of ${key.queue}`,
      fingerprint: undefined,
      token: TOKEN,
      lockTtlMs: LOCK_MS,
      attemptTtlMs: KEPT_MS,
    });
  }

  async end(key: AttemptKey): Promise<void> {
    await this.store.release(this.idOf(key), TOKEN);
  }

  private idOf({ queue, messageId }: AttemptKey): string {
    return attemptIdOf(this.namespace, queue, messageId);
  }
}
