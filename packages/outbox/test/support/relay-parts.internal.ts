import type { Publisher } from '@acme/nest-message-context';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, vi } from 'vitest';
import type { StoredMessage } from '../../src/contracts/messages.js';
import type { OutboxStore } from '../../src/contracts/outbox-store.js';
import { OutboxRelay } from '../../src/relay/outbox-relay.js';

/** A message as a store gives it to the relay, without a key. */
export const stored = (seq: number, more: Partial<StoredMessage> = {}): StoredMessage => ({
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
  sequence: null,
  payload: '1',
  attempts: 0,
  tries: 0,
  history: [],
  ...more,
});

/** A store with one lane and these messages, each method replaceable; what is not here must not be called. */
export function storeOf(
  pending: readonly StoredMessage[],
  methods: Partial<OutboxStore> = {},
): OutboxStore {
  let left = [...pending];
  const store: Partial<OutboxStore> = {
    lanes: 1,
    tend: async (_relay, held) => ({ relays: 1, renewed: held.map(({ lane }) => lane) }),
    claim: async () => [{ lane: 0, token: 1, takenOver: false }],
    leave: async () => {},
    readBlocks: async () => [],
    readWaiting: async () => ({ messages: [], empty: [] }),
    readPending: async (_lanes, except) => left.filter(({ seq }) => !except.includes(seq)),
    remove: async (_place, seqs) => {
      const before = left.length;
      left = left.filter(({ seq }) => !seqs.includes(seq));
      return before - left.length;
    },
    ...methods,
  };
  return store as OutboxStore;
}

const NOTHING_TO_DO: Partial<OutboxStore> = {
  heal: async () => {},
  promote: async () => ({ moved: 0, skipped: 0, nextInMs: undefined }),
};

/** A relay that parks what fails once. */
export const relayOf = (
  store: Partial<OutboxStore>,
  publisher: Publisher,
  {
    window = 10,
    leaseMs = 9_000,
    pollIntervalMs = 100,
    attempts = 1,
    backoffMs = 1,
    retentionMs = undefined as number | undefined,
  } = {},
): OutboxRelay =>
  new OutboxRelay({ ...NOTHING_TO_DO, ...store } as OutboxStore, publisher, {
    batchSize: 10,
    window,
    pollIntervalMs,
    leaseMs,
    stopTimeoutMs: 1_000,
    retry: { attempts, initialMs: backoffMs, maxMs: backoffMs },
    crashes: 3,
    blockKeyOnPark: false,
    retentionMs,
    rules: { strictOrder: false, sequence: false },
  });

/** For every test of the file: timers that the test moves, and a silent log. */
export function withoutTimeAndLog(): void {
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
}
