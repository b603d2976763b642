import 'reflect-metadata';
import { Publisher, type OutboundMessage, type PublishOutcome } from '@acme/nest-message-context';
import { expect, it, vi } from 'vitest';
import { relayOf, stored, storeOf, withoutTimeAndLog } from '../support/relay-parts.internal.js';

const LEASE = 9_000;

withoutTimeAndLog();

it('a relay that wakes up after its lease publishes nothing of what it has read before', async () => {
  let answer!: (outcomes: PublishOutcome[]) => void;
  const published: (string | undefined)[] = [];
  class HeldPublisher extends Publisher {
    publish([one]: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
      published.push(one?.messageId);
      return new Promise((done) => (answer = done));
    }
  }
  let isLost = false;
  const twoOfOneKey = [1, 2].map((seq) => stored(seq, { key: 'k', block: '=k' }));
  const store = storeOf(twoOfOneKey, {
    claim: async () => (isLost ? [] : [{ lane: 0, token: 1, takenOver: false }]),
    tend: async (_relay, held) => ({
      relays: 1,
      renewed: isLost ? [] : held.map(({ lane }) => lane),
    }),
  });
  const relay = relayOf(store, new HeldPublisher(), { window: 2, leaseMs: LEASE });
  relay.start();
  await vi.advanceTimersByTimeAsync(100);
  expect(published).toEqual(['m1']);
  vi.setSystemTime(Date.now() + 2 * LEASE);
  isLost = true;
  answer([{ status: 'confirmed' }]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(published).toEqual(['m1']);
  const stopping = relay.stop();
  await vi.advanceTimersByTimeAsync(1_000);
  await stopping;
});
