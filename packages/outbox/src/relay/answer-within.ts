import { within } from '@acme/nest-message-context/kit';
import { OutboxStoreTimeoutError } from '../outbox.errors.js';

/** A statement on a dead connection may hang for minutes; the relay must not. What it does later does no harm. */
export function answerWithin<T>(ms: number, statement: Promise<T>): Promise<T> {
  return within(
    ms,
    statement,
    () =>
      new OutboxStoreTimeoutError(
        `The database did not answer within ${ms} ms. Look for locks on the outbox tables, an exhausted pool or a lost network.`,
      ),
  );
}
