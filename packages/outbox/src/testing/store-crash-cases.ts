import type { StoredEntry } from '../contracts/messages.js';
import type { HeldLane, OutboxStore } from '../contracts/outbox-store.js';
import { holds, same } from '@acme/nest-message-context/kit';
import {
  add,
  allLanes,
  claimAll,
  heldBack,
  idsOf,
  MINUTE_MS,
  named,
  newMessage,
  pending,
  takeOver,
} from './store-case-tools.js';
import type { OutboxStoreFixture, StoreCases } from './store-contract.js';

/** One lane's owner tries the message and dies; resolves with the deaths that the next one is told. */
async function deaths(
  store: OutboxStore,
  suspect: StoredEntry,
  names: readonly string[],
): Promise<(number | undefined)[]> {
  const told: (number | undefined)[] = [];
  for (const name of names) {
    const held = await takeOver(store, name);
    told.push(await store.accuse(suspect, held));
    await store.tend(name, held, 1);
  }
  return told;
}

async function twoOfALane(fixture: OutboxStoreFixture): Promise<[StoredEntry, StoredEntry]> {
  await add(fixture, named(['a', 'b'], { key: 'k' }));
  const [a, b] = await pending(fixture.store);
  return [a!, b!];
}

/** What is known of relays that have died, and of what they died. */
export const crashCases: StoreCases = {
  'tells whose death a lane was taken over from': async ({ store, other }) => {
    const first = await store.claim('a', [], 2, MINUTE_MS);
    same(
      first.map(({ takenOver }) => takenOver),
      [false, false],
      'taken over',
    );
    // The answer was lost: it has them without knowing.
    const again = await store.claim('a', [], 4, 1);
    same(again.length, 4, 'lanes');
    for (const { lane, token, takenOver } of again) {
      same(takenOver, false, 'taken over from itself');
      const before = first.find((one) => one.lane === lane);
      holds(!before || before.token < token, 'the token grows');
    }
    const late = await takeOver(other, 'b');
    same(await store.claim('a', again, 4, MINUTE_MS), [], 'what is left');
    await other.tend('b', late, 1);
    const taken: boolean[] = [];
    while (taken.length < 4) {
      const claimed = await store.claim('c', [], 1, MINUTE_MS);
      taken.push(...claimed.map(({ takenOver }) => takenOver));
      if (claimed.length > 0) await store.release(claimed);
    }
    holds(taken[0] === true, 'the first one was taken over');
  },

  'leaves alone what a relay says that it holds': async ({ store }) => {
    const first = await store.claim('a', [], 2, MINUTE_MS);
    const more = await store.claim('a', first, 4, MINUTE_MS);
    same(more.length, 2, 'lanes');
    const { renewed } = await store.tend('a', [...first, ...more], MINUTE_MS);
    same(renewed.length, 4, 'lanes that are renewed');
  },

  'renews by owner and token, also what nobody has taken since it has run out': async ({
    store,
    other,
  }) => {
    const held = await store.claim('a', [], 4, 0);
    same((await other.tend('b', held, MINUTE_MS)).renewed, [], 'by another owner');
    const wrong = held.map(({ lane, token }) => ({ lane, token: token + 1 }));
    same((await store.tend('a', wrong, MINUTE_MS)).renewed, [], 'by another token');
    same((await store.tend('a', held, MINUTE_MS)).renewed.length, 4, 'by both');
    same(await other.claim('b', [], 4, MINUTE_MS), [], 'what is free');
  },

  'counts deaths in a row of the message that was being tried': async (fixture) => {
    const [a, b] = await twoOfALane(fixture);
    const { store } = fixture;
    same(await deaths(store, a, ['a', 'b', 'c']), [0, 1, 2], 'of the first');
    same(await deaths(store, b, ['d', 'e']), [0, 1], 'of the other, once it has died');
    same(await deaths(store, a, ['f']), [0], 'of the first, which is not in a row any more');
  },

  'counts no death of who gives back, leaves, or has acquitted': async (fixture) => {
    const [a] = await twoOfALane(fixture);
    const { store } = fixture;
    const held = await claimAll(store, 'a');
    await store.accuse(a, held);
    await store.release(held);
    const again = await claimAll(store, 'b');
    same(await store.accuse(a, again), 0, 'after giving back');
    await store.leave('b');
    const third = await claimAll(store, 'c');
    same(await store.accuse(a, third), 0, 'after leaving');
    await store.acquit(third);
    await store.tend('c', third, 1);
    same(await deaths(store, a, ['d', 'e']), [0, 1], 'after acquittal, and then after a death');
  },

  'counts a death once, also when the next owner dies before it tries anything': async (
    fixture,
  ) => {
    const [a] = await twoOfALane(fixture);
    const { store } = fixture;
    const held = await claimAll(store, 'a');
    await store.accuse(a, held);
    await store.tend('a', held, 1);
    const next = await takeOver(store, 'b');
    await store.tend('b', next, 1);
    same(await store.accuse(a, await takeOver(store, 'c')), 1, 'deaths');
  },

  'has one message tried at a time, whatever the lane': async (fixture) => {
    const { store } = fixture;
    await add(
      fixture,
      Array.from({ length: 30 }, (_, n) => newMessage({ key: `k${n}` })),
    );
    const rows = await pending(store);
    const [one, other] = [0, 1].map((lane) => rows.find((row) => row.lane === lane)!);
    const held = await claimAll(store, 'a');
    await store.accuse(one!, held);
    await store.accuse(other!, held);
    await store.tend('a', held, 1);
    const next = await takeOver(store, 'b');
    same(await store.accuse(one!, next), 0, 'of the one that was through');
    same(await store.accuse(other!, next), 1, 'of the one that was being tried');
  },

  'lets nobody accuse or acquit who has lost the lane': async (fixture) => {
    const [a] = await twoOfALane(fixture);
    const { store } = fixture;
    const former = await claimAll(store, 'a', 1);
    const held = await takeOver(store, 'b');
    same(await store.accuse(a, former), undefined, 'by the former owner');
    same(await store.accuse(a, []), undefined, 'by nobody');
    same(await store.accuse(a, held), 0, 'by the owner');
    await store.acquit(former);
    await store.acquit([]);
    await store.tend('b', held, 1);
    same(await deaths(store, a, ['c']), [1], 'by the next one');
  },

  'names what can have been under way: what is pending, and what is due, without reading it':
    async (fixture) => {
      const { store } = fixture;
      await add(
        fixture,
        Array.from({ length: 12 }, (_, n) => newMessage({ key: `k${n % 3}`, messageId: `m${n}` })),
      );
      const held: HeldLane[] = await claimAll(store);
      const rows = await pending(store);
      const ofKey = (key: string) => rows.filter((row) => row.key === key);
      await store.holdBack('pending', [heldBack(ofKey('k0')[0]!, { tries: 7 })], held);
      await store.divert(ofKey('k0').slice(1), held);
      await store.holdBack('pending', [heldBack(ofKey('k1')[0]!, { delayMs: MINUTE_MS })], held);
      const lanes = allLanes(store);
      const found = [
        ...(await store.pendingEntries(lanes, 100)),
        ...(await store.waitingEntries(lanes, 100)),
      ].sort((a, b) => a.seq - b.seq);
      const expected = rows.filter(({ messageId }) => messageId !== 'm1');
      same(idsOf(found), idsOf(expected), 'suspects');
      same(
        found.map(({ place, tries }) => [place, tries]),
        expected.map(({ key, messageId }) => [
          key === 'k0' ? 'waiting' : 'pending',
          messageId === 'm0' ? 7 : 0,
        ]),
        'their places',
      );
      holds(!found.some((entry) => 'payload' in entry), 'what they carry is not read');
      same(idsOf(await store.pendingEntries(lanes, 2)), ['m2', 'm4'], 'the first two');
      same(idsOf(await store.pendingEntries(lanes, 3, ['k2', 'k9'])), ['m4', 'm7', 'm10'], 'of k1');
      same(idsOf(await store.waitingEntries(lanes, 1)), ['m0', 'm3', 'm6', 'm9'], 'of one block');
      same(await store.pendingEntries([], 10), [], 'of no lanes');
      same(await store.waitingEntries([], 10), [], 'of no lanes');
      for (const entry of found) {
        const message = await store.readOne(entry);
        const { lane, block, messageId, type, attempts, history, seq, place, tries } = message!;
        same({ place, seq, lane, block, messageId, type, attempts, tries, history }, entry, 'it');
        same(message!.payload, '1', 'what it carries');
      }
      await store.remove('waiting', [found[0]!.seq], held, false);
      same(await store.readOne(found[0]!), undefined, 'one that is there no longer');
    },
};
