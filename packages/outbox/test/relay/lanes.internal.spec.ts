import 'reflect-metadata';
import { Publisher, type OutboundMessage, type PublishOutcome } from '@acme/nest-message-context';
import { describe, expect, it, vi } from 'vitest';
import type { StoredMessage } from '../../src/contracts/messages.js';
import type { OutboxStore } from '../../src/contracts/outbox-store.js';
import { relayOf, stored, withoutTimeAndLog } from '../support/relay-parts.internal.js';

const message = (seq: number): StoredMessage => stored(seq, { key: 'k', block: '=k' });

/** Confirms when it is told to. */
class PatientPublisher extends Publisher {
  readonly published: (string | undefined)[] = [];
  confirm = (): void => {};
  publish([one]: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    this.published.push(one?.messageId);
    return new Promise((done) => (this.confirm = () => done([{ status: 'confirmed' }])));
  }
}

const LEASE = 9_000;

describe('a lane', () => {
  withoutTimeAndLog();

  const storeOf = (pending: StoredMessage[]) => ({
    lanes: 1,
    tend: vi.fn<OutboxStore['tend']>(async (_relay, held) => ({
      relays: 1,
      renewed: held.map(({ lane }) => lane),
    })),
    claim: vi.fn<OutboxStore['claim']>(async () => [{ lane: 0, token: 1, takenOver: false }]),
    release: async () => {},
    leave: async () => {},
    readPending: async (_lanes: readonly number[], except: readonly number[]) =>
      pending.filter(({ seq }) => !except.includes(seq)),
    readBlocks: vi.fn<OutboxStore['readBlocks']>(async () => [{ block: '=k', lane: 0 }]),
    readWaiting: async () => ({ messages: [], empty: [] }),
    remove: async (_place: string, seqs: readonly number[]) => seqs.length,
    divert: vi.fn<OutboxStore['divert']>(async (rows) => {
      for (const { seq } of rows) pending.splice(0, pending.length, ...without(pending, seq));
    }),
  });
  const without = (rows: readonly StoredMessage[], seq: number) =>
    rows.filter((row) => row.seq !== seq);

  it('that was gained is not published from before it is known which of its keys wait', async () => {
    const store = storeOf([message(7)]);
    store.readBlocks.mockRejectedValueOnce(new Error('away'));
    const publisher = new PatientPublisher();
    const relay = relayOf(store, publisher, { leaseMs: LEASE });
    relay.start();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(store.readBlocks).toHaveBeenCalledTimes(2);
    expect(publisher.published).toEqual([]);
    expect(store.divert).toHaveBeenCalledTimes(1);
    await relay.stop();
  });

  it('that comes back is not published from what was read of it before it was lost', async () => {
    const store = storeOf([message(1), message(2)]);
    store.readBlocks.mockResolvedValueOnce([]);
    const publisher = new PatientPublisher();
    const relay = relayOf(store, publisher, { leaseMs: LEASE });
    relay.start();
    await vi.advanceTimersByTimeAsync(50);
    expect(publisher.published).toEqual(['m1']);
    // Another relay has had the lane for a while: the key has failed there and waits. The claim's answer is lost.
    store.tend.mockResolvedValueOnce({ relays: 1, renewed: [] });
    store.claim.mockRejectedValueOnce(new Error('away'));
    await vi.advanceTimersByTimeAsync(LEASE / 3 + 1_000);
    expect(store.readBlocks).toHaveBeenCalledTimes(2);
    publisher.confirm();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(publisher.published).toEqual(['m1']);
    await relay.stop();
  });

  it('whose lease ends during a read is read once more before the relay calls itself done', async () => {
    const rows = [message(1), message(2)];
    let answer = (): void => {};
    const store = {
      ...storeOf(rows),
      readBlocks: async () => [],
      readPending: vi.fn<OutboxStore['readPending']>(async (_lanes, except) =>
        rows.filter(({ seq }) => !except.includes(seq)),
      ),
      remove: async (_place: string, seqs: readonly number[]) => {
        for (const seq of seqs) rows.splice(0, rows.length, ...without(rows, seq));
        return seqs.length;
      },
    };
    const publisher = new PatientPublisher();
    const run = relayOf(store, publisher, { leaseMs: LEASE }).runOnce();
    await vi.advanceTimersByTimeAsync(0);
    store.readPending.mockReturnValueOnce(new Promise((done) => (answer = () => done([]))));
    await vi.advanceTimersByTimeAsync(50);
    expect(store.readPending).toHaveBeenCalledTimes(2);
    // The machine sleeps; then the first message is confirmed and removed, and only now the read comes back.
    vi.setSystemTime(Date.now() + LEASE);
    publisher.confirm();
    await vi.advanceTimersByTimeAsync(100);
    answer();
    await vi.advanceTimersByTimeAsync(1_000);
    publisher.confirm();
    await vi.advanceTimersByTimeAsync(1_000);
    await expect(run).resolves.toMatchObject({ published: 2 });
  });
});
