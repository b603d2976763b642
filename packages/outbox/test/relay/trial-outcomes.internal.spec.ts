import 'reflect-metadata';
import { Publisher, type OutboundMessage, type PublishOutcome } from '@acme/nest-message-context';
import { describe, expect, it, vi } from 'vitest';
import type { StoredMessage } from '../../src/contracts/messages.js';
import type { OutboxStore } from '../../src/contracts/outbox-store.js';
import { relayOf, stored, storeOf, withoutTimeAndLog } from '../support/relay-parts.internal.js';

const ANSWERS = {
  confirmed: { status: 'confirmed' },
  rejected: { status: 'rejected', error: new Error('no') },
  unknown: { status: 'unknown', error: new Error('away') },
} satisfies Record<string, PublishOutcome>;

/** A relay that has taken over the lane of a dead one, with these suspects; what it does, in its order. */
function trialOf(
  rows: StoredMessage[],
  answers: Record<string, keyof typeof ANSWERS>,
  deaths: Record<string, number> = {},
) {
  const calls: string[] = [];
  const left = new Map(rows.map((row) => [row.seq, row]));
  const tell = (what: string, some: readonly { readonly messageId: string }[]) =>
    void calls.push(`${what} ${some.map(({ messageId }) => messageId).join()}`);
  class AnsweringPublisher extends Publisher {
    async publish([one]: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
      const id = String(one?.messageId);
      calls.push(`publish ${id}`);
      return [ANSWERS[answers[id] ?? 'confirmed']];
    }
  }
  const store = storeOf([], {
    claim: async () => [{ lane: 0, token: 2, takenOver: true }],
    pendingEntries: async () => rows.filter(({ place }) => place === 'pending'),
    waitingEntries: async () => rows.filter(({ place }) => place === 'waiting'),
    readPending: async () => [],
    accuse: async ({ messageId }) => deaths[messageId] ?? 0,
    acquit: async () => void calls.push('acquit'),
    readOne: async ({ seq }) => left.get(seq),
    holdBack: async (_place, some) =>
      tell(
        'hold',
        some.map(({ row }) => row),
      ),
    divert: async (some) => tell('divert', some),
    unblock: async () => [],
    park: (async (_place, some) =>
      tell(
        `park ${some[0]?.reason.code}`,
        some.map(({ row }) => row),
      )) satisfies OutboxStore['park'],
  });
  return { relay: relayOf(store, new AnsweringPublisher(), { attempts: 2, backoffMs: 60_000 }), calls }; // prettier-ignore
}

async function did({ relay, calls }: ReturnType<typeof trialOf>, ms = 1_000): Promise<string[]> {
  relay.start();
  await vi.advanceTimersByTimeAsync(ms);
  const stopping = relay.stop();
  await vi.advanceTimersByTimeAsync(1_000);
  await stopping;
  return calls;
}

const ofKey = (seq: number, more: Partial<StoredMessage> = {}) =>
  stored(seq, { key: 'k', block: '=k', ...more });

describe('a trial', () => {
  withoutTimeAndLog();

  it('parks a message with the death that is one too many, and not before', async () => {
    const trial = trialOf([stored(1), stored(2)], {}, { m1: 2, m2: 3 });
    expect(await did(trial)).toEqual(['publish m1', 'park CRASHED m2', 'acquit']);
  });

  it('moves what follows a refused message of its key behind it, unpublished', async () => {
    const trial = trialOf([ofKey(1), ofKey(2), stored(3)], { m1: 'rejected' });
    expect(await did(trial)).toEqual([
      'publish m1',
      'hold m1',
      'publish m3',
      'acquit',
      'divert m2',
    ]);
  });

  it('leaves what waits behind a refused message where it is', async () => {
    const trial = trialOf([ofKey(1, { place: 'waiting' }), ofKey(2, { place: 'waiting' })], {
      m1: 'rejected',
    });
    expect(await did(trial)).toEqual(['publish m1', 'hold m1', 'acquit']);
  });

  it('accuses nobody any more while the broker does not answer', async () => {
    const trial = trialOf([stored(1)], { m1: 'unknown' });
    expect((await did(trial, 80)).slice(0, 2)).toEqual(['publish m1', 'acquit']);
  });
});
