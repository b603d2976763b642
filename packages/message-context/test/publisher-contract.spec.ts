import { Publisher, type OutboundMessage, type PublishOutcome } from '@acme/nest-message-context';
import {
  publisherContract,
  type PublisherContractFixture,
} from '@acme/nest-message-context/testing';
import { expect, it } from 'vitest';

/** Calls everything confirmed, and sends nothing. */
class Liar extends Publisher {
  closes = 0;
  publish(messages: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    return Promise.resolve(messages.map(() => ({ status: 'confirmed' })));
  }
  close(): Promise<void> {
    this.closes += 1;
    return Promise.resolve();
  }
}

it('has one name for each case, finds one that lies, and closes it all the same', async () => {
  const liar = new Liar();
  let restored = 0;
  let disposed = 0;
  const fixture: PublisherContractFixture = {
    open: async () => ({
      publisher: liar,
      way: { halfOpen() {}, down() {}, restore: () => void (restored += 1) },
      dispose: async () => void (disposed += 1),
    }),
    queue: async () => 'queue',
    unused: () => 'unused',
    take: async () => [],
  };
  const cases = publisherContract(() => fixture);
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  const found = cases.find(({ name }) => name.startsWith('calls a message confirmed when it is'));
  await expect(found?.run()).rejects.toThrow('the messages in the queue: found 0 instead of 1');
  expect([liar.closes, disposed, restored]).toEqual([1, 1, 1]);
});
