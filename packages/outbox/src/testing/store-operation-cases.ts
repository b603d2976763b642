import type { StoredMessage } from '../contracts/messages.js';
import { holds, same, until } from '@acme/nest-message-context/kit';
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
  PLAIN,
  seqsOf,
  waiting,
} from './store-case-tools.js';
import type { OutboxStoreFixture, StoreCases } from './store-contract.js';

/** Messages of one key, the first of them parked. */
async function withParked(fixture: OutboxStoreFixture, blockKey: boolean) {
  const { store } = fixture;
  await add(fixture, named(['a', 'b', 'c'], { key: 'k', type: 'x', headers: '{"h":1}' }));
  await add(fixture, named(['n']));
  const held = await claimAll(store);
  const rows = await pending(store);
  const [a, , , n] = rows as [StoredMessage, StoredMessage, StoredMessage, StoredMessage];
  const history = [{ at: 'then', code: 'REJECTED', message: 'no' }];
  await store.park('pending', [{ ...parked(a), history }, parked(n)], held, blockKey);
  return { ...fixture, held, rows, a, n };
}

/** What people do. */
export const operationCases: StoreCases = {
  'shows what was parked, by what one looks for': async (fixture) => {
    const { store, other, a } = await withParked(fixture, false);
    const all = await other.operations.parked({}, 10);
    same(
      all.map(({ messageId }) => messageId),
      ['a', 'n'],
      'all of them, the oldest first',
    );
    const { messageId, type, key, headers, occurredAt, payload, attempts, reason, history } =
      all[0]!;
    same(
      [messageId, type, key, headers, occurredAt, payload, attempts, reason, history],
      [a.messageId, 'x', 'k', '{"h":1}', a.occurredAt, '1', 3, 'REJECTED', [{ at: 'then', code: 'REJECTED', message: 'no' }]], // prettier-ignore
      'what is known',
    );
    same(all[0]!.error, `it's "never" \\ 😀 \ufffd`, 'the error');
    holds(Math.abs(all[0]!.parkedAt - Date.now()) < 5 * MINUTE_MS, 'it was parked just now');
    const count = async (filter: object, limit = 10) =>
      (await store.operations.parked(filter, limit)).length;
    same(await count({}, 1), 1, 'at most one');
    for (const filter of [
      { messageIds: ['a', 'z'] },
      { type: 'x' },
      { key: 'k' },
      { key: 'k', reason: 'REJECTED', type: 'x', messageIds: ['a'] },
    ])
      same(await count(filter), 1, JSON.stringify(filter));
    for (const filter of [
      { messageIds: [] },
      { messageIds: ['A'] },
      { type: 'X' },
      { key: 'k ' },
      { key: 'k', type: 'y' },
      { reason: 'CRASHED' },
    ])
      // prettier-ignore
      same(await count(filter), 0, JSON.stringify(filter));
  },

  'brings parked messages back to their places, all failures forgiven': async (fixture) => {
    const { store, other, held, rows } = await withParked(fixture, false);
    await store.holdBack('pending', [heldBack(rows[1]!, { delayMs: MINUTE_MS })], held);
    await store.divert([rows[2]!], held);
    same(await waiting(other), [], 'what is due');
    same((await other.operations.redrive({ messageIds: [] }, 10)).count, 0, 'of none');
    same((await other.operations.redrive({ key: 'k' }, 10)).count, 1, 'of the key');
    const found = await waiting(store);
    same(seqsOf(found), seqsOf(rows.slice(0, 3)), 'what is due');
    const { attempts, tries, history, place, headers } = found[0]!;
    same([attempts, tries, place, headers], [0, 0, 'waiting', '{"h":1}'], 'the one');
    same(history.length, 1, 'what is still known of it');
    same((await other.operations.redrive({}, 10)).count, 1, 'the other');
    same(seqsOf(await waiting(store)), seqsOf(rows), 'what is due');
    same((await other.operations.redrive({}, 10)).count, 0, 'once more');
    same(await store.remove('waiting', seqsOf(rows), held, false), 4, 'removed');
  },

  'brings back at most so many, the oldest first, each once': async (fixture) => {
    const { store, other } = fixture;
    await add(fixture, named(Array.from({ length: 40 }, (_, n) => `m${n}`)));
    const held = await claimAll(store);
    const rows = await pending(store);
    await store.park('pending', rows.map(parked), held, false);
    same((await store.operations.redrive({}, 5)).count, 5, 'moved');
    same(seqsOf(await waiting(other)), seqsOf(rows.slice(0, 5)), 'the oldest');
    let moved = 5;
    await until(async () => {
      const asked = [store, other, store, other].map((one) => one.operations.redrive({}, 4));
      for (const { count } of await Promise.all(asked)) moved += count;
      return moved >= 40;
    }, 'all of them are back');
    same(seqsOf(await waiting(other)), seqsOf(rows), 'what is due');
  },

  'brings back no message that was parked once more since the call before': async (fixture) => {
    const { store, other } = fixture;
    await add(fixture, named(['m0', 'm1', 'm2', 'm3', 'm4']));
    const held = await claimAll(store);
    const rows = await pending(store);
    await store.park('pending', rows.map(parked), held, false);
    same(
      await other.operations.redrive({}, 2),
      { count: 2, lastSeq: rows[1]!.seq },
      'the first two',
    );
    const again = rows.slice(0, 2).map((row) => parked({ ...row, place: 'waiting' }));
    await store.park('waiting', again, held, false);
    same(
      await other.operations.redrive({}, 2, rows[1]!.seq),
      { count: 2, lastSeq: rows[3]!.seq },
      'the next two',
    );
    same((await other.operations.redrive({}, 2, rows[3]!.seq)).count, 1, 'the last one');
    same(
      await other.operations.redrive({}, 2, rows[4]!.seq),
      { count: 0, lastSeq: undefined },
      'once more',
    );
    const left = await other.operations.parked({}, 10);
    same(
      left.map(({ messageId }) => messageId),
      ['m0', 'm1'],
      'what is still parked',
    );
  },

  'holds a key up behind its parked message, until that is redriven': async (fixture) => {
    const { store, other, held, rows, a } = await withParked(fixture, true);
    same(await blocksOf(other), [a.block], 'blocks: none of the one without a key');
    await store.divert(rows.slice(1, 3), held);
    same(await waiting(other), [], 'what is due');
    same(await store.unblock([a.block], held), [], 'what is free');
    await store.operations.redrive({ key: 'k' }, 10);
    same(seqsOf(await waiting(other)), seqsOf(rows.slice(0, 3)), 'what is due then');
    await store.park('waiting', [parked({ ...a, place: 'waiting' })], held, true);
    same(await waiting(other), [], 'what is due when it is parked again');
    await store.operations.redrive({}, 10);
    await store.remove('waiting', seqsOf(rows), held, false);
    same(await store.unblock([a.block], held), [a.block], 'what is free');
  },

  'frees no key that is held up, though nothing waits': async (fixture) => {
    const { store, other, held, a } = await withParked(fixture, true);
    const read = await store.readWaiting(allLanes(store), [], 10);
    same(read, { messages: [], empty: [] }, 'what is due');
    same(await store.unblock([a.block], held), [], 'what is free');
    await other.heal();
    same(await waiting(other), [], 'what is due');
    same(await other.operations.discard({ key: 'k' }, 10), 1, 'thrown away');
    same((await store.readWaiting(allLanes(store), [], 10)).empty, [a.block], 'what is empty');
    same(await store.unblock([a.block], held), [a.block], 'what is free');
  },

  'lets go on what waits behind a message that is thrown away': async (fixture) => {
    const { store, other, held, rows } = await withParked(fixture, true);
    await store.divert(rows.slice(1, 3), held);
    same(await other.operations.discard({ reason: 'CRASHED' }, 10), 0, 'thrown away');
    same(await other.operations.discard({}, 1), 1, 'thrown away');
    same(seqsOf(await waiting(store)), seqsOf(rows.slice(1, 3)), 'what is due');
    same(await other.operations.discard({}, 10), 1, 'the one without a key');
    same(await other.operations.parked({}, 10), [], 'what is left');
  },

  'lets no block that waits for a time end sooner when another message is thrown away': async (
    fixture,
  ) => {
    const { store, other, held, rows } = await withParked(fixture, false);
    await store.holdBack('pending', [heldBack(rows[1]!, { delayMs: MINUTE_MS })], held);
    await other.operations.discard({}, 10);
    same(await waiting(store), [], 'what is due');
  },

  'keeps what was published, and deletes it when it is old': async (fixture) => {
    const { store, other } = fixture;
    await add(fixture, [
      ...named(['a', 'b'], { key: 'k', type: 'x', headers: '{"h":1}' }),
      ...named(['c', 'd'], { payload: Uint8Array.of(1, 2) }),
    ]);
    const held = await claimAll(store);
    const rows = await pending(store);
    await store.divert([rows[1]!], held);
    same(await store.remove('pending', seqsOf(rows), held, true), 3, 'kept');
    same(await store.remove('pending', seqsOf(rows), held, true), 0, 'once more');
    same(await store.remove('waiting', [rows[1]!.seq], held, true), 1, 'of the waiting ones');
    same([await pending(other), await waiting(other)], [[], []], 'what is left');
    const all = await other.operations.published({}, undefined, 10);
    same(
      all.map(({ seq, messageId, sequence }) => [seq, messageId, sequence]),
      rows.map(({ seq, messageId }) => [seq, messageId, null]),
      'what is kept',
    );
    same([all[0]!.headers, [...(all[2]!.payload as Uint8Array)]], ['{"h":1}', [1, 2]], 'whole');
    const ids = async (filter: object, after?: number, limit = 10) =>
      (await other.operations.published(filter, after, limit)).map(({ messageId }) => messageId);
    same(await ids({}, undefined, 2), ['a', 'b'], 'the first two');
    same(await ids({}, rows[1]!.seq, 2), ['c', 'd'], 'those after them');
    same(await ids({}, rows[3]!.seq), [], 'after all of them');
    same(await ids({ key: 'k', type: 'x' }), ['a', 'b'], 'of one key');
    same([await ids({ type: 'X' }), await ids({ key: 'K' })], [[], []], 'of what there is not');
    const [before, after] = [Date.now() - 5 * MINUTE_MS, Date.now() + 5 * MINUTE_MS];
    same((await ids({ from: before, to: after })).length, 4, 'of the time');
    same([await ids({ from: after }), await ids({ to: before })], [[], []], 'of another time');
    same(await other.operations.purge(MINUTE_MS, 10), 0, 'what is old');
    same(await other.operations.purge(-MINUTE_MS, 3), 3, 'deleted at once');
    same(await other.operations.purge(-MINUTE_MS, 3), 1, 'and then');
    same(await ids({}), [], 'what is left');
  },

  'adds without a transaction of others': async ({ store, other }) => {
    await store.operations.add(named(['a']), PLAIN);
    await store.operations.add(
      [...named(['b', 'c'], { key: 'k' }), newMessage({ due: { inMs: MINUTE_MS } })],
      { strictOrder: false, sequence: true },
    );
    await store.operations.add([], PLAIN);
    const rows = await pending(other);
    same(idsOf(rows), ['a', 'b', 'c'], 'what may leave');
    same(
      rows.map(({ sequence }) => sequence),
      [null, 1, 2],
      'numbers',
    );
    same((await other.operations.status()).delayed, 1, 'delayed');
  },

  'counts what there is': async (fixture) => {
    const { store, other } = fixture;
    const nothing = { pending: 0, oldestAgeMs: 0, delayed: 0, waiting: 0, blocked: 0 };
    const none = { parked: 0, published: 0, lanes: 4, heldLanes: 0, relays: 0 };
    same(await other.operations.status(), { ...nothing, ...none }, 'at first');
    await add(fixture, named(['a', 'b', 'c', 'd', 'e', 'f'], { key: 'k' }));
    await add(fixture, named(['late', 'later'], { due: { inMs: MINUTE_MS } }));
    const held = (await store.claim('a', [], 3, MINUTE_MS)).map(({ lane, token }) => ({ lane, token })); // prettier-ignore
    await store.tend('a', held, MINUTE_MS);
    const [rest] = await other.claim('b', [], 1, 1);
    const rows = await pending(store);
    const all = [...held, { lane: rest!.lane, token: rest!.token }];
    await store.park('pending', [parked(rows[0]!)], all, false);
    await store.remove('pending', [rows[1]!.seq], all, true);
    await store.holdBack('pending', [heldBack(rows[2]!)], all);
    await store.divert([rows[3]!], all);
    await until(
      async () => (await other.operations.status()).heldLanes === 3,
      'a lease that has run out counts no more',
    );
    const { oldestAgeMs, ...counts } = await other.operations.status();
    same(
      counts,
      { pending: 2, delayed: 2, waiting: 2, blocked: 1, parked: 1, published: 1, lanes: 4, heldLanes: 3, relays: 1 }, // prettier-ignore
      'what there is',
    );
    holds(oldestAgeMs > 0 && oldestAgeMs < 5 * MINUTE_MS, `the oldest is ${oldestAgeMs} ms old`);
  },
};
