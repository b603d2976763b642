import type { StoredMessage } from '../contracts/messages.js';
import type { HeldLane, OutboxStore } from '../contracts/outbox-store.js';
import { same } from '@acme/nest-message-context/kit';
import {
  add,
  blocksOf,
  claimAll,
  heldBack,
  MINUTE_MS,
  named,
  newMessage,
  parked,
  pending,
  seqsOf,
  takeOver,
  waiting,
} from './store-case-tools.js';
import type { OutboxStoreFixture, StoreCases } from './store-contract.js';

type Change = (
  store: OutboxStore,
  rows: readonly StoredMessage[],
  held: readonly HeldLane[],
) => Promise<unknown>;

/** Whatever changes messages, by the place that they are in. */
const CHANGES: Record<'pending' | 'waiting', Record<string, Change>> = {
  pending: {
    remove: (store, rows, held) => store.remove('pending', seqsOf(rows), held, false),
    divert: (store, rows, held) => store.divert(rows, held),
    holdBack: (store, rows, held) =>
      store.holdBack(
        'pending',
        rows.map((row) => heldBack(row)),
        held,
      ),
    park: (store, rows, held) => store.park('pending', rows.map(parked), held, false),
  },
  waiting: {
    remove: (store, rows, held) => store.remove('waiting', seqsOf(rows), held, false),
    holdBack: (store, rows, held) =>
      store.holdBack(
        'waiting',
        rows.map((row) => heldBack(row, { delayMs: MINUTE_MS })),
        held,
      ),
    park: (store, rows, held) => store.park('waiting', rows.map(parked), held, false),
  },
};

const NOTHING = [0, undefined];

/** Two messages in every lane, pending or waiting. */
async function twoPerLane(
  fixture: OutboxStoreFixture,
  place: 'pending' | 'waiting',
  held: readonly HeldLane[],
): Promise<StoredMessage[]> {
  const { store } = fixture;
  await add(
    fixture,
    Array.from({ length: 80 }, (_, n) => newMessage({ key: `k${n}` })),
  );
  const all = await pending(store);
  const rows = held.flatMap(({ lane }) => all.filter((row) => row.lane === lane).slice(0, 2));
  const kept = seqsOf(rows);
  await store.remove(
    'pending',
    seqsOf(all).filter((seq) => !kept.includes(seq)),
    held,
    false,
  );
  if (place === 'waiting') await store.divert(rows, held);
  return rows.map((row) => ({ ...row, place })).sort((one, other) => one.seq - other.seq);
}

const look = async (store: OutboxStore, place: 'pending' | 'waiting') =>
  place === 'pending' ? pending(store) : waiting(store);

const fenceCase =
  (place: 'pending' | 'waiting', change: Change) => async (fixture: OutboxStoreFixture) => {
    const { store, other } = fixture;
    const held = await claimAll(store);
    const rows = await twoPerLane(fixture, place, held);
    const before = await look(other, place);
    const stale = held.map(({ lane, token }) => ({ lane, token: token - 1 }));
    same(NOTHING.includes((await change(store, rows, stale)) as undefined), true, 'says so');
    await change(store, rows, []);
    same(await look(other, place), before, 'what a stale token has left alone');
    const [first, ...others] = held as [HeldLane, ...HeldLane[]];
    await change(store, rows, [first, ...stale.filter(({ lane }) => lane !== first.lane)]);
    same(
      seqsOf(await look(other, place)),
      seqsOf(rows.filter(({ lane }) => lane !== first.lane)),
      'what one lane has left alone',
    );
    await change(store, rows, others);
    same(await look(other, place), [], 'what the other lanes have left');
  };

const ofEveryChange = Object.entries(CHANGES).flatMap(([place, changes]) =>
  Object.entries(changes).map(([name, change]) => [
    `lets ${name} change only what is ${place} in lanes that are held`,
    fenceCase(place as 'pending' | 'waiting', change),
  ]),
);

/** Who may change messages. */
export const fenceCases: StoreCases = {
  ...(Object.fromEntries(ofEveryChange) as StoreCases),

  'lets unblock free only what is in lanes that are held': async (fixture) => {
    const { store, other } = fixture;
    const held = await claimAll(store);
    const rows = await twoPerLane(fixture, 'waiting', held);
    const blocks = rows.map(({ block }) => block).sort();
    await store.remove('waiting', seqsOf(rows), held, false);
    const stale = held.map(({ lane, token }) => ({ lane, token: token + 1 }));
    same(await store.unblock(blocks, stale), [], 'what is free');
    same(await blocksOf(other), blocks, 'blocks');
    const ofLane = rows.filter(({ lane }) => lane === held[0]!.lane).map(({ block }) => block);
    same((await store.unblock(blocks, held.slice(0, 1))).sort(), ofLane.sort(), 'of one lane');
    same((await store.unblock(blocks, held)).length, 6, 'the others');
  },

  'keeps a former owner from changing anything': async (fixture) => {
    const { store, other } = fixture;
    const former = await claimAll(store, 'a', 1);
    await add(fixture, named(['a', 'b'], { key: 'k' }));
    const rows = await pending(store);
    await takeOver(other, 'b');
    for (const change of Object.values(CHANGES.pending)) await change(store, rows, former);
    same([await pending(other), await blocksOf(other)], [rows, []], 'what is there');
  },
};
