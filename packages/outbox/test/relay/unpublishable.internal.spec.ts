import 'reflect-metadata';
import { Publisher, type OutboundMessage, type PublishOutcome } from '@acme/nest-message-context';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StoredMessage } from '../../src/contracts/messages.js';
import type { OutboxStore } from '../../src/contracts/outbox-store.js';
import { relayOf, stored } from '../support/relay-parts.internal.js';

/** Holds pending messages; what is parked is gone, and noted. */
function storeOf(pending: StoredMessage[]) {
  const parked: unknown[] = [];
  const take = (seqs: readonly number[]): number => {
    const before = pending.length;
    pending = pending.filter(({ seq }) => !seqs.includes(seq));
    return before - pending.length;
  };
  const store = {
    lanes: 1,
    tend: async () => ({ relays: 1, renewed: [0] }),
    claim: async () => [{ lane: 0, token: 1, takenOver: false }],
    leave: async () => {},
    readBlocks: async () => [],
    readWaiting: async () => ({ messages: [], empty: [] }),
    readPending: async (_lanes, except) => pending.filter(({ seq }) => !except.includes(seq)),
    remove: async (_place, seqs) => take(seqs),
    park: async (_place, entries) => {
      take(entries.map(({ row }) => row.seq));
      for (const { row, reason } of entries) parked.push({ id: row.messageId, ...reason });
    },
  } as Partial<OutboxStore> as OutboxStore;
  return { store, parked };
}

/** Answers, or fails, as it is told for each message. */
class ScriptedPublisher extends Publisher {
  readonly published: (string | undefined)[] = [];
  constructor(
    private readonly answer: (messageId: string | undefined) => Promise<PublishOutcome[]>,
  ) {
    super();
  }

  publish([one]: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    this.published.push(one?.messageId);
    return this.answer(one?.messageId);
  }
}

const confirmed = async (): Promise<PublishOutcome[]> => [{ status: 'confirmed' }];

describe('a message that cannot be handed to the publisher', () => {
  beforeEach(() => {
    for (const level of ['log', 'warn', 'error'] as const) {
      vi.spyOn(Logger.prototype, level).mockImplementation(() => {});
    }
  });
  afterEach(() => vi.restoreAllMocks());

  it('is parked, and the others go out', async () => {
    const { store, parked } = storeOf([
      stored(1),
      stored(2, { headers: '{"cut' }),
      stored(3),
      stored(4),
    ]);
    const publisher = new ScriptedPublisher((id) => {
      if (id === 'm1') throw new Error('no codec');
      if (id === 'm3') throw null;
      return confirmed();
    });
    await expect(relayOf(store, publisher).runOnce()).resolves.toEqual({
      published: 1,
      heldBack: 0,
      parked: 3,
      brokerDown: false,
    });
    expect(parked).toHaveLength(3);
    expect(parked).toEqual(
      expect.arrayContaining([
        { id: 'm1', code: 'REJECTED', message: 'no codec' },
        { id: 'm2', code: 'REJECTED', message: expect.stringContaining('JSON') },
        { id: 'm3', code: 'REJECTED', message: 'null' },
      ]),
    );
  });

  it('is parked too when it was rejected without an error', async () => {
    const { store, parked } = storeOf([stored(1), stored(2)]);
    const publisher = new ScriptedPublisher(async (id) =>
      id === 'm1' ? [{ status: 'rejected' } as PublishOutcome] : confirmed(),
    );
    await expect(relayOf(store, publisher).runOnce()).resolves.toMatchObject({
      published: 1,
      parked: 1,
    });
    expect(parked).toEqual([{ id: 'm1', code: 'REJECTED', message: 'undefined' }]);
  });

  it('does not pass for an answer of a broker that is away', async () => {
    const { store, parked } = storeOf([stored(1), stored(2)]);
    const log = vi.mocked(Logger.prototype.log);
    let away = true;
    const publisher = new ScriptedPublisher((id) => {
      const isFirstTry = publisher.published.length <= 2;
      if (id === 'm2' && !isFirstTry) throw new Error('no codec');
      return away ? Promise.reject(new Error('away')) : confirmed();
    });
    const relay = relayOf(store, publisher);
    relay.start();
    await vi.waitFor(() => expect(parked).toHaveLength(1));
    expect(log).not.toHaveBeenCalledWith('The broker answers again.');
    away = false;
    await vi.waitFor(() => expect(log).toHaveBeenCalledWith('The broker answers again.'));
    await relay.stop();
  });
});
