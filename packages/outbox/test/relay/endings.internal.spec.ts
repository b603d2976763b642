import 'reflect-metadata';
import { Publisher, type OutboundMessage, type PublishOutcome } from '@acme/nest-message-context';
import { describe, expect, it, vi } from 'vitest';
import type { OutboxStore } from '../../src/contracts/outbox-store.js';
import { Blocks } from '../../src/relay/blocks.js';
import { toVerdict } from '../../src/relay/outcome.js';
import { relayOf, stored, storeOf, withoutTimeAndLog } from '../support/relay-parts.internal.js';

class ConfirmingPublisher extends Publisher {
  readonly published: (string | undefined)[] = [];
  publish = async ([one]: readonly OutboundMessage[]): Promise<PublishOutcome[]> => {
    this.published.push(one?.messageId);
    return [{ status: 'confirmed' }];
  };
}

describe('runOnce()', () => {
  withoutTimeAndLog();

  it('rejects within stopTimeout when the database goes away while messages are under way', async () => {
    const remove = vi.fn<OutboxStore['remove']>(() => Promise.reject(new Error('away')));
    const run = relayOf(storeOf([stored(1)], { remove }), new ConfirmingPublisher()).runOnce();
    const failure = run.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(2_000);
    await expect(failure).resolves.toMatchObject({ message: 'away' });
  });

  it('goes on with what is due of a key whose first messages have just been published', async () => {
    const waiting = [1, 2].map((seq) =>
      stored(seq, { place: 'waiting', block: '=k', key: 'k', messageId: `w${seq}` }),
    );
    const publisher = new ConfirmingPublisher();
    const store = storeOf([], {
      // One at a time, as a store gives a hundred.
      readWaiting: async (_lanes, except) => ({
        messages: except.includes('=k') ? [] : waiting.slice(0, 1),
        empty: [],
      }),
      remove: async (place, seqs) => {
        if (place === 'waiting') waiting.splice(0, seqs.length);
        return seqs.length;
      },
      unblock: async (blocks) => (waiting.length === 0 ? [...blocks] : []),
    });
    const run = relayOf(store, publisher, { pollIntervalMs: 60_000, leaseMs: 60_000 }).runOnce();
    await vi.advanceTimersByTimeAsync(2_000);
    await expect(run).resolves.toMatchObject({ published: 2 });
    expect(publisher.published).toEqual(['w1', 'w2']);
  });
});

describe('the next look at what waits', () => {
  withoutTimeAndLog();

  it('is that of the next retry, although another was looked for before', async () => {
    const blocks = new Blocks(30_000);
    blocks.looked();
    blocks.dueIn(600);
    blocks.dueIn(100);
    await vi.advanceTimersByTimeAsync(150);
    expect(blocks.dueInMs).toBeLessThanOrEqual(0);
    blocks.looked();
    expect(blocks.dueInMs).toBeGreaterThan(400);
    expect(blocks.dueInMs).toBeLessThanOrEqual(500);
    await vi.advanceTimersByTimeAsync(600);
    blocks.looked();
    expect(blocks.dueInMs).toBe(30_000);
  });
});

it('why a message was not accepted is kept as a text that every database takes', () => {
  const error = new Error(`bad \0 byte ${'x'.repeat(1_000_000)}`);
  const { failure } = toVerdict(stored(1), 1, { status: 'rejected', error });
  expect(failure?.message).toMatch(/^bad \ufffd byte x+$/);
  expect(failure?.message.length).toBeLessThanOrEqual(2_000);
});
