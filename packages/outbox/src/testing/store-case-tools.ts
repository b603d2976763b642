import { randomUUID } from 'node:crypto';
import type { NewMessage, StoredEntry, StoredMessage } from '../contracts/messages.js';
import type { EntryRules, HeldLane, OutboxStore } from '../contracts/outbox-store.js';
import type { HeldBack, Parked } from '../core/settle-plan.js';
import { until } from '@acme/nest-message-context/kit';
import type { OutboxStoreFixture } from './store-contract.js';

export const MINUTE_MS = 60_000;

export const PLAIN: EntryRules = { strictOrder: false, sequence: false };

export const newMessage = (more: Partial<NewMessage> = {}): NewMessage => ({
  messageId: randomUUID(),
  type: 'contract.tested.v1',
  key: null,
  exchange: null,
  routingKey: null,
  contentType: null,
  headers: null,
  occurredAt: 1_700_000_000_123,
  payload: '1',
  due: null,
  ...more,
});

/** Messages whose ids tell them apart. */
export const named = (ids: readonly string[], more: Partial<NewMessage> = {}): NewMessage[] =>
  ids.map((messageId) => newMessage({ messageId, ...more }));

/** In one call and one transaction. */
export const add = (
  fixture: OutboxStoreFixture,
  messages: readonly NewMessage[],
): Promise<unknown> => fixture.transaction((sql) => fixture.store.insert(sql, messages, PLAIN));

export const allLanes = (store: OutboxStore): number[] =>
  Array.from({ length: store.lanes }, (_, lane) => lane);

/** All lanes, which must be free. */
export const claimAll = async (
  store: OutboxStore,
  relay = 'a',
  leaseMs = MINUTE_MS,
): Promise<HeldLane[]> => {
  const claimed = await store.claim(relay, [], store.lanes, leaseMs);
  if (claimed.length < store.lanes) throw new Error(`only ${claimed.length} lanes were free`);
  return claimed.map(({ lane, token }) => ({ lane, token }));
};

/** All lanes, bit by bit, as the leases of those who have them run out. */
export async function takeOver(store: OutboxStore, relay: string): Promise<HeldLane[]> {
  const taken: HeldLane[] = [];
  await until(async () => {
    const claimed = await store.claim(relay, taken, store.lanes, MINUTE_MS);
    taken.push(...claimed.map(({ lane, token }) => ({ lane, token })));
    return taken.length === store.lanes;
  }, `${relay} takes over every lane`);
  return taken;
}

/** It is measured anew with each read. */
const ageless = ({ addedAt: _addedAt, ...message }: StoredMessage): StoredMessage => message;

export const pending = async (store: OutboxStore): Promise<StoredMessage[]> =>
  (await store.readPending(allLanes(store), [], 20_000)).map(ageless);

/** Of all blocks that are due. */
export const waiting = async (store: OutboxStore): Promise<StoredMessage[]> =>
  (await store.readWaiting(allLanes(store), [], 1_000)).messages.map(ageless);

export const blocksOf = async (store: OutboxStore): Promise<string[]> =>
  (await store.readBlocks(allLanes(store))).map(({ block }) => block).sort();

export const idsOf = (messages: readonly StoredEntry[]): string[] =>
  messages.map(({ messageId }) => messageId);

export const seqsOf = (messages: readonly StoredEntry[]): number[] =>
  messages.map(({ seq }) => seq);

export const heldBack = (
  row: StoredMessage,
  more: Partial<HeldBack<StoredMessage>> = {},
): HeldBack<StoredMessage> => ({
  row,
  attempts: row.attempts + 1,
  tries: row.tries + 1,
  history: [{ at: '2026-01-02T03:04:05.678Z', code: 'UNROUTABLE', message: 'no queue' }],
  delayMs: 0,
  ...more,
});

/** With a reason as a publisher may give it: cut anywhere. */
export const parked = (row: StoredMessage): Parked<StoredMessage> => ({
  row,
  attempts: 3,
  history: row.history,
  reason: { code: 'REJECTED', message: `it's "never" \\ 😀 \ud83d` },
});

/** Runs `work` while this process believes that it is so much later. */
export async function withClockAhead<R>(ms: number, work: () => Promise<R>): Promise<R> {
  const { now } = Date;
  Date.now = () => now() + ms;
  try {
    return await work();
  } finally {
    Date.now = now;
  }
}
