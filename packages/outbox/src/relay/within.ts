import { OutboxStoreTimeoutError } from '../outbox.errors.js';

/** A statement on a dead connection may hang for minutes; the relay must not. What it does later does no harm. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, fail) => {
    timer = setTimeout(
      () =>
        fail(
          new OutboxStoreTimeoutError(
            `The database did not answer within ${ms} ms. Look for locks on the outbox tables, an exhausted pool or a lost network.`,
          ),
        ),
      ms,
    );
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
