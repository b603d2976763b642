import type { OrderedKey } from '@acme/nest-message-context';
import type { KeyRecords } from './key-records.js';

/** A key that is stopped because a message of it was parked. */
export interface StoppedKey {
  readonly since: Date;
  /** Of the message that has failed; undefined where it has none. */
  readonly messageId: string | undefined;
  /** How many messages of the key are parked and were not handled since, that one included. */
  readonly parked: number;
}

/**
 * The keys of `@RmqOrdered({ onFailure: 'park-key' })`. Inject it. Asks the `OrderStore`; an error of that one is thrown as it is. While a
 * message of the key is being parked by this process it waits for that, which takes as long as store or broker are away.
 *
 *     const stopped = await this.keys.stopped({ queue: 'billing.orders', key: 'o-17' });
 */
export class OrderedKeys {
  /** @internal */
  constructor(private readonly records: KeyRecords) {}

  /** Undefined where the key is not stopped. */
  async stopped(key: OrderedKey): Promise<StoppedKey | undefined> {
    const { line } = await this.records.turn(key, (record) => record.read(true));
    if (!line) return undefined;
    const { since, firstId: messageId, given, done } = line;
    return { since: new Date(since), messageId, parked: given - done };
  }

  /**
   * Lets a key go on although messages of it are parked: because they were purged, or are to come later than what follows them. Says
   * whether it was stopped.
   */
  release(key: OrderedKey): Promise<boolean> {
    return this.records.turn(key, async (record) => {
      const state = await record.read(true);
      if (!state.line) return false;
      await record.keep({ ...state, line: undefined });
      return true;
    });
  }
}
