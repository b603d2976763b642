import { laneOf } from '../core/lane.js';
import { same, until } from '@acme/nest-message-context/kit';
import {
  add,
  allLanes,
  blocksOf,
  claimAll,
  heldBack,
  idsOf,
  MINUTE_MS,
  named,
  newMessage,
  parked,
  pending,
  seqsOf,
  waiting,
} from './store-case-tools.js';
import type { OutboxStoreFixture, StoreCases } from './store-contract.js';

/** Messages of one key, all lanes held. */
async function ofOneKey(fixture: OutboxStoreFixture, ...ids: string[]) {
  await add(fixture, named(ids, { key: 'k', headers: '{"x":1}' }));
  const held = await claimAll(fixture.store);
  const rows = await pending(fixture.store);
  return { ...fixture, held, rows, first: rows[0]!, block: rows[0]!.block };
}

/** What becomes of messages. Each is asked twice, since any statement may be repeated. */
export const settleCases: StoreCases = {
  'removes what was published, and tells how much that was': async (fixture) => {
    const { store, other } = fixture;
    await add(fixture, named(['a', 'b', 'c', 'd']));
    const held = await claimAll(store);
    const [a, b, c] = seqsOf(await pending(store));
    same(await store.remove('pending', [c!, a!], held, false), 2, 'removed');
    same(await store.remove('pending', [a!, b!, c!], held, false), 1, 'removed');
    same(await store.remove('pending', [a!, b!, c!], held, false), 0, 'removed');
    same(await store.remove('waiting', seqsOf(await pending(store)), held, false), 0, 'elsewhere');
    same(idsOf(await pending(other)), ['d'], 'what is left');
  },

  'removes many at once': async (fixture) => {
    const { store } = fixture;
    await add(fixture, named(Array.from({ length: 2_000 }, (_, n) => `m${n}`)));
    const held = await claimAll(store);
    const seqs = seqsOf(await pending(store));
    same(await store.remove('pending', seqs.slice(0, 1_999), held, false), 1_999, 'removed');
    same(seqsOf(await pending(store)), seqs.slice(1_999), 'what is left');
  },

  'holds a message back with what is known of its failures, until its time': async (fixture) => {
    const { store, other, held, first, block } = await ofOneKey(fixture, 'a', 'b');
    const history = [
      { at: '2026-01-02T03:04:05.678Z', code: 'UNROUTABLE', message: 'it\'s "no" \\ queue 😀\n' },
      { at: '2026-01-02T03:04:06.678Z', code: 'NO_ANSWER', message: '\udc00 half' },
    ];
    const more = { attempts: 2, tries: 5, history, delayMs: 250 };
    await store.holdBack('pending', [heldBack(first, more)], held);
    same(await other.readWaiting(allLanes(other), [], 10), { messages: [], empty: [] }, 'at first');
    await store.holdBack('pending', [heldBack(first, more)], held);
    same(idsOf(await pending(other)), ['b'], 'what is left');
    same(await other.readBlocks([first.lane]), [{ block, lane: first.lane }], 'the block');
    await until(async () => (await waiting(other)).length > 0, 'it becomes due');
    const [found] = await waiting(other);
    const kept = JSON.parse(JSON.stringify(found!.history).replace('\\udc00', '\ufffd')) as unknown;
    same(
      { ...found, history: kept },
      {
        ...first,
        place: 'waiting',
        attempts: 2,
        tries: 5,
        history: [history[0], { ...history[1], message: '\ufffd half' }],
      },
      'what waits',
    );
  },

  'holds a waiting message back again': async (fixture) => {
    const { store, other, held, first, block } = await ofOneKey(fixture, 'a', 'b');
    await store.divert(await pending(store), held);
    const again = { attempts: 1, tries: 2, history: [], delayMs: MINUTE_MS };
    for (const _ of [1, 2]) await store.holdBack('waiting', [heldBack(first, again)], held);
    same(await waiting(other), [], 'what is due');
    await store.holdBack('waiting', [heldBack(first, { ...again, delayMs: 0 })], held);
    const [a, b] = await waiting(other);
    same([a!.messageId, a!.attempts, a!.tries, a!.history], ['a', 1, 2, []], 'the one');
    same([b!.messageId, b!.attempts, b!.tries], ['b', 0, 0], 'the other');
    same(await blocksOf(other), [block], 'blocks');
  },

  'moves messages behind their predecessor, which keeps its time': async (fixture) => {
    const { store, other, held, rows, first } = await ofOneKey(fixture, 'a', 'b', 'c');
    await store.holdBack('pending', [heldBack(first, { delayMs: MINUTE_MS })], held);
    for (const _ of [1, 2]) await store.divert(rows.slice(1), held);
    same([await pending(other), await waiting(other)], [[], []], 'what is to be done');
    await store.holdBack('waiting', [heldBack(first)], held);
    const found = await waiting(other);
    same(idsOf(found), ['a', 'b', 'c'], 'what waits');
    const { attempts, tries, history, place, headers } = found[1]!;
    same(
      [attempts, tries, history, place, headers],
      [0, 0, [], 'waiting', '{"x":1}'],
      'the second',
    );
  },

  'lets messages without a key wait for themselves alone': async (fixture) => {
    const { store, other } = fixture;
    await add(fixture, named(['a', 'b', 'c']));
    const held = await claimAll(store);
    const [a, b] = await pending(store);
    await store.holdBack('pending', [heldBack(a!), heldBack(b!, { delayMs: MINUTE_MS })], held);
    same(idsOf(await waiting(other)), ['a'], 'what is due');
    same(await blocksOf(other), [], 'blocks that others wait in');
    same(idsOf(await pending(other)), ['c'], 'what is left');
  },

  'gives a message up, wherever it is, and lets its key go on': async (fixture) => {
    const { store, other, held, rows, block } = await ofOneKey(fixture, 'a', 'b', 'c');
    const [a, b, c] = rows;
    for (const _ of [1, 2]) await store.park('pending', [parked(a!)], held, false);
    same(idsOf(await pending(other)), ['b', 'c'], 'what is left');
    same(await blocksOf(other), [], 'blocks');
    await store.divert([b!, c!], held);
    for (const _ of [1, 2]) await store.park('waiting', [parked(b!)], held, false);
    same(idsOf(await waiting(other)), ['c'], 'what waits');
    same(await store.unblock([block], held), [], 'what is free while one waits');
    await store.park('waiting', [parked({ ...c!, place: 'waiting' })], held, false);
    same(await store.unblock([block], held), [block], 'what is free');
    same([await pending(other), await blocksOf(other)], [[], []], 'what is left');
  },

  'ends the waiting of blocks that have no message left': async (fixture) => {
    const { store, other } = fixture;
    await add(
      fixture,
      ['a', 'b', 'c'].map((key) => newMessage({ key, messageId: key })),
    );
    const held = await claimAll(store);
    const rows = await pending(store);
    await store.divert(rows, held);
    const [a, b, c] = rows.map(({ block }) => block);
    await store.remove('waiting', [rows[0]!.seq, rows[2]!.seq], held, false);
    const { messages, empty } = await other.readWaiting(allLanes(other), [], 10);
    same([idsOf(messages), [...empty].sort()], [['b'], [a, c]], 'what is found');
    same((await store.unblock([a!, b!, c!, '=unknown'], held)).sort(), [a, c], 'what is free');
    same(await store.unblock([a!, b!], held), [], 'once more');
    same(await blocksOf(other), [b], 'blocks');
  },

  'takes nothing for nothing': async (fixture) => {
    const { store } = fixture;
    await add(fixture, named(['a']));
    const held = await claimAll(store);
    same(await store.remove('pending', [], held, false), 0, 'removed');
    await store.divert([], held);
    await store.holdBack('pending', [], held);
    await store.holdBack('waiting', [], held);
    await store.park('waiting', [], held, false);
    same(await store.unblock([], held), [], 'what is free');
    await store.release([]);
    same(idsOf(await pending(store)), ['a'], 'what is left');
  },

  'keeps numbers beyond four billion through all of it': async (fixture) => {
    await fixture.skipTo(2 ** 40);
    const { store, held, rows, block } = await ofOneKey(fixture, 'a', 'b', 'c');
    const [a, b, c] = rows;
    same(await store.remove('pending', [a!.seq], held, false), 1, 'removed');
    await store.holdBack('pending', [heldBack(b!)], held);
    await store.divert([c!], held);
    const found = await waiting(store);
    same(seqsOf(found), [b!.seq, c!.seq], 'what waits');
    await store.holdBack('waiting', [heldBack(found[0]!)], held);
    same((await waiting(store))[0]!.attempts, 2, 'attempts');
    await store.park('waiting', [parked(found[0]!)], held, false);
    same(await store.remove('waiting', [c!.seq], held, false), 1, 'removed');
    same(await store.unblock([block], held), [block], 'what is free');
    same(laneOf('k', 4), c!.lane, 'its lane');
  },
};
