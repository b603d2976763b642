import 'reflect-metadata';
import { Publisher, type OutboundMessage, type PublishOutcome } from '@acme/nest-message-context';
import { describe, expect, it, vi } from 'vitest';
import { relayOf, stored, storeOf, withoutTimeAndLog } from '../support/relay-parts.internal.js';

/** Each message is answered when, and as, the test says. */
class HeldPublisher extends Publisher {
  readonly published: (string | undefined)[] = [];
  readonly #answers: ((outcome: PublishOutcome) => void)[] = [];

  publish([one]: readonly OutboundMessage[]): Promise<PublishOutcome[]> {
    this.published.push(one?.messageId);
    return new Promise((done) => this.#answers.push((outcome) => done([outcome])));
  }

  /** Counted by when it was published. */
  answer(nth: number, status: 'confirmed' | 'unknown'): void {
    const outcome = status === 'unknown' ? { status, error: new Error('away') } : { status };
    this.#answers[nth]!(outcome);
  }
}

describe('while the broker does not answer', () => {
  withoutTimeAndLog();

  it('one message at a time asks whether it is back, and none while another is under way', async () => {
    const publisher = new HeldPublisher();
    const relay = relayOf(storeOf([1, 2, 3].map((seq) => stored(seq))), publisher, { window: 2 });
    relay.start();
    await vi.advanceTimersByTimeAsync(100);
    expect(publisher.published).toEqual(['m1', 'm2']);
    publisher.answer(0, 'unknown');
    await vi.advanceTimersByTimeAsync(30_000);
    // The second one may still be answered, and that tells as much as a probe.
    expect(publisher.published).toHaveLength(2);
    publisher.answer(1, 'unknown');
    await vi.advanceTimersByTimeAsync(30_000);
    expect(publisher.published).toHaveLength(3);
    publisher.answer(2, 'confirmed');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(publisher.published).toHaveLength(5);
    publisher.answer(3, 'confirmed');
    publisher.answer(4, 'confirmed');
    const stopping = relay.stop();
    await vi.advanceTimersByTimeAsync(1_000);
    await stopping;
  });

  it('nothing is read that would only be kept, although the outage began in the middle of a look', async () => {
    const publisher = new HeldPublisher();
    let slow: Promise<unknown> | undefined;
    const store = storeOf([stored(1)], {
      promote: async () => {
        await slow;
        return { moved: 0, skipped: 0, nextInMs: undefined };
      },
    });
    const relay = relayOf(store, publisher);
    relay.start();
    await vi.advanceTimersByTimeAsync(100);
    expect(publisher.published).toEqual(['m1']);
    let answer!: (value?: unknown) => void;
    slow = new Promise((done) => (answer = done));
    // It looks for delayed messages, and the database takes its time.
    await vi.advanceTimersByTimeAsync(200);
    publisher.answer(0, 'unknown');
    await vi.advanceTimersByTimeAsync(100);
    answer();
    slow = undefined;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(publisher.published).toEqual(['m1', 'm1']);
    publisher.answer(1, 'confirmed');
    const stopping = relay.stop();
    await vi.advanceTimersByTimeAsync(1_000);
    await stopping;
  });

  it('what was read by a look that began before does not keep the relay from asking', async () => {
    const publisher = new HeldPublisher();
    let looking = Promise.resolve();
    let goOn = (): void => {};
    const promote = () => looking.then(() => ({ moved: 0, skipped: 0, nextInMs: undefined }));
    const store = storeOf(
      [1, 2, 3].map((seq) => stored(seq)),
      { promote },
    );
    const relay = relayOf(store, publisher, { window: 2 });
    relay.start();
    await vi.advanceTimersByTimeAsync(100);
    looking = new Promise((done) => (goOn = done));
    await vi.advanceTimersByTimeAsync(200);
    publisher.answer(0, 'unknown');
    publisher.answer(1, 'unknown');
    // Long enough to settle it. Only then does the look read messages.
    await vi.advanceTimersByTimeAsync(100);
    goOn();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(publisher.published).toEqual(['m1', 'm2', 'm1']);
    publisher.answer(2, 'confirmed');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(publisher.published).toHaveLength(5);
    const stopping = relay.stop();
    await vi.advanceTimersByTimeAsync(2_000);
    await stopping;
  });

  it('messages of a key that waits, however many, do not keep the relay from asking with others', async () => {
    const publisher = new HeldPublisher();
    let rows = [stored(1)];
    const gone = (seqs: readonly number[]) =>
      void (rows = rows.filter(({ seq }) => !seqs.includes(seq)));
    const store = storeOf([], {
      // Until a parked message of it is redriven: it is never due.
      readBlocks: async () => [{ block: '=k', lane: 0 }],
      readPending: async (_lanes, except, limit) =>
        rows.filter(({ seq }) => !except.includes(seq)).slice(0, limit),
      divert: async (some) => gone(some.map(({ seq }) => seq)),
      remove: async (_place, seqs) => {
        gone(seqs);
        return seqs.length;
      },
    });
    const relay = relayOf(store, publisher);
    relay.start();
    await vi.advanceTimersByTimeAsync(100);
    publisher.answer(0, 'unknown');
    await vi.advanceTimersByTimeAsync(60);
    expect(relay.brokerDownMs).toBeGreaterThanOrEqual(0);
    const ofKey = Array.from({ length: 30 }, (_, n) => stored(n + 2, { key: 'k', block: '=k' }));
    rows = [...ofKey, stored(100)];
    await vi.advanceTimersByTimeAsync(30_000);
    expect(publisher.published).toEqual(['m1', 'm100']);
    publisher.answer(1, 'confirmed');
    const stopping = relay.stop();
    await vi.advanceTimersByTimeAsync(2_000);
    await stopping;
  });
});
