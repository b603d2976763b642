import { same } from '@acme/nest-message-context/kit';
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
  pending,
  seqsOf,
  waiting,
} from './store-case-tools.js';
import type { StoreCases } from './store-contract.js';

/** Differ from one another in what some collations ignore. */
const ALIKE = [
  ...['a', 'A', 'á', 'a ', 'a  ', ' a', 'a\t', 'ａ', 'ss', 'ß', 'ﬀ', 'ff', 'k', 'K', 'i', 'ı', 'İ'],
  ...[
    '',
    ' ',
    '😀',
    '😁',
    '1',
    '01',
    '1.0',
    '%',
    '_',
    '\\',
    '\\\\',
    "'",
    '"',
    `${'k'.repeat(254)}1`,
  ],
  ...[`${'k'.repeat(254)}2`, `${'€'.repeat(84)}a`, `${'€'.repeat(84)}b`, `${'€'.repeat(84)}a `],
];

/** What the relay sees. */
export const readCases: StoreCases = {
  'reads the lowest of the lanes asked for, without what is known': async (fixture) => {
    const { store } = fixture;
    await add(fixture, named(Array.from({ length: 400 }, (_, n) => `m${n}`)));
    const rows = await pending(store);
    const seqs = seqsOf(rows);
    same(
      seqs,
      [...seqs].sort((one, other) => one - other),
      'the order',
    );
    const some = rows.filter(({ lane }) => lane === 1 || lane === 3);
    const known = seqsOf(some.filter((_, n) => n % 3 === 0));
    const expected = seqsOf(some.filter((_, n) => n % 3 !== 0));
    const read = (limit: number) => store.readPending([3, 1], known, limit);
    same(seqsOf(await read(1_000)), expected, 'all of it');
    same(seqsOf(await read(7)), expected.slice(0, 7), 'the first seven');
    same(await store.readPending([], [], 10), [], 'of no lanes');
    same(await store.readPending(allLanes(store), seqs, 10), [], 'without any');
    const others = await store.readPending([3, 1], known, 7, { exceptKeys: ['k'] });
    same(seqsOf(others), expected.slice(0, 7), 'those without a key when a key is left out');
  },

  'leaves out as many as a relay has in memory': async (fixture) => {
    await add(fixture, named(Array.from({ length: 3_000 }, (_, n) => `m${n}`)));
    const seqs = seqsOf(await pending(fixture.store));
    const known = seqs.filter((_, n) => n % 6 !== 5);
    const left = await fixture.store.readPending(allLanes(fixture.store), known, 100);
    same(seqsOf(left), seqs.filter((_, n) => n % 6 === 5).slice(0, 100), 'the others');
  },

  'tells keys apart by their bytes': async (fixture) => {
    const { store, other } = fixture;
    await add(
      fixture,
      ALIKE.map((key) => newMessage({ key })),
    );
    const rows = await pending(store);
    same(
      rows.map(({ key }) => key),
      ALIKE,
      'the keys',
    );
    const without = (exceptKeys: string[], except: number[] = []) =>
      store.readPending(allLanes(store), except, 100, { exceptKeys });
    for (const key of ALIKE) {
      same(
        (await without([key])).map((row) => row.key),
        ALIKE.filter((other) => other !== key),
        `without ${key}`,
      );
    }
    same(await without(ALIKE), [], 'without any');
    const [first, second, ...others] = rows;
    same(
      seqsOf(await without([second!.key!], [first!.seq])),
      seqsOf(others),
      'without what is known, and a key',
    );
    const blocks = rows.map(({ block }) => block);
    same(new Set(blocks).size, ALIKE.length, 'blocks');
    const held = await claimAll(store);
    const due = rows.filter((_, n) => n % 2 === 0);
    await store.holdBack(
      'pending',
      due.map((row) => heldBack(row)),
      held,
    );
    const later = rows.filter((_, n) => n % 2 === 1);
    await store.holdBack(
      'pending',
      later.map((row) => heldBack(row, { delayMs: MINUTE_MS })),
      held,
    );
    same(await blocksOf(other), [...blocks].sort(), 'blocks that wait');
    same(seqsOf(await waiting(other)), seqsOf(due), 'messages that are due');
    for (const { block } of due) {
      const read = await store.readWaiting(allLanes(store), [block], 100);
      same(
        seqsOf(read.messages),
        seqsOf(due.filter((row) => row.block !== block)),
        `without ${block}`,
      );
    }
    const gone = due.filter((_, n) => n % 2 === 0);
    await store.remove('waiting', seqsOf(gone), held, false);
    const names = gone.map(({ block }) => block).sort();
    same((await store.readWaiting(allLanes(store), [], 100)).empty.sort(), names, 'empty blocks');
    same((await store.unblock(blocks, held)).sort(), names, 'those that are free');
    same(await blocksOf(other), blocks.filter((block) => !names.includes(block)).sort(), 'others');
  },

  'reads so many blocks that are due, whole and in order, of the lanes asked for': async (
    fixture,
  ) => {
    const { store } = fixture;
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    await add(
      fixture,
      Array.from({ length: 60 }, (_, n) => newMessage({ key: keys[n % 6]! })),
    );
    const held = await claimAll(store);
    const rows = await pending(store);
    // What comes first is moved last.
    await store.divert([...rows].reverse().slice(0, 30), held);
    await store.divert([...rows].reverse().slice(30), held);
    same(seqsOf(await waiting(store)), seqsOf(rows), 'all of them');
    const two = await store.readWaiting(allLanes(store), [], 2);
    const blocks = new Set(two.messages.map(({ block }) => block));
    same([blocks.size, two.messages.length, two.empty], [2, 20, []], 'of two blocks');
    same(
      seqsOf(two.messages),
      seqsOf(rows.filter(({ block }) => blocks.has(block))),
      'their order',
    );
    for (const lane of allLanes(store)) {
      const ofLane = rows.filter((row) => row.lane === lane);
      const read = await store.readWaiting([lane], [], 100);
      same(seqsOf(read.messages), seqsOf(ofLane), `of lane ${lane}`);
      const found = (await store.readBlocks([lane])).map(({ block }) => block).sort();
      same(found, [...new Set(ofLane.map(({ block }) => block))].sort(), 'its blocks');
    }
    same(await store.readWaiting([], [], 10), { messages: [], empty: [] }, 'of no lanes');
    same(await store.readBlocks([]), [], 'blocks of no lanes');
  },

  'gives a long waiting block from its beginning': async (fixture) => {
    const { store } = fixture;
    await add(
      fixture,
      Array.from({ length: 500 }, (_, n) => newMessage({ key: 'k', messageId: `${n}` })),
    );
    const held = await claimAll(store);
    await store.divert(await pending(store), held);
    const found: string[] = [];
    for (;;) {
      const { messages } = await store.readWaiting(allLanes(store), [], 1);
      if (messages.length === 0) break;
      found.push(...idsOf(messages));
      await store.remove('waiting', seqsOf(messages), held, false);
    }
    same(
      found,
      Array.from({ length: 500 }, (_, n) => `${n}`),
      'bit by bit',
    );
  },
};
