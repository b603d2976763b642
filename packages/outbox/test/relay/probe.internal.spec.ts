import 'reflect-metadata';
import { Publisher, type OutboundMessage, type PublishOutcome } from '@acme/nest-message-context';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { OutboxStore, StoredMessage } from '../../src/contracts/outbox-store.js';
import { OutboxRelay } from '../../src/relay/outbox-relay.js';

const message = (seq: number): StoredMessage => ({
  place: 'pending',
  seq,
  lane: 0,
  block: `#${seq}`,
  messageId: `m${seq}`,
  type: 'a',
  key: null,
  exchange: null,
  routingKey: null,
  contentType: null,
  headers: null,
  occurredAt: 0,
  payload: '1',
  attempts: 0,
  tries: 0,
  history: [],
});

const storeOf = (...pending: StoredMessage[]) =>
  ({
    lanes: 1,
    tend: async (_relay, held) => ({ relays: 1, renewed: held.map(({ lane }) => lane) }),
    claim: async () => [{ lane: 0, token: 1, takenOver: false }],
    leave: async () => {},
    readBlocks: async () => [],
    readWaiting: async () => ({ messages: [], empty: [] }),
    readPending: async (_lanes, except) => pending.filter(({ seq }) => !except.includes(seq)),
    remove: async (_place, seqs) => {
      pending = pending.filter(({ seq }) => !seqs.includes(seq));
      return seqs.length;
    },
  }) as Partial<OutboxStore> as OutboxStore;

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
  beforeEach(() => {
    vi.useFakeTimers();
    for (const level of ['log', 'warn', 'error'] as const) {
      vi.spyOn(Logger.prototype, level).mockImplementation(() => {});
    }
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  const relayOf = (publisher: Publisher): OutboxRelay =>
    new OutboxRelay(storeOf(message(1), message(2), message(3)), publisher, {
      batchSize: 10,
      window: 2,
      pollIntervalMs: 100,
      leaseMs: 9_000,
      stopTimeoutMs: 1_000,
      retry: { attempts: 1, initialMs: 1, maxMs: 1 },
    });

  it('one message at a time asks whether it is back, and none while another is under way', async () => {
    const publisher = new HeldPublisher();
    const relay = relayOf(publisher);
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
});
