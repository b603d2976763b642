import type { NewMessage, StoredMessage } from '../contracts/messages.js';
import type { EntryRules } from '../contracts/outbox-store.js';
import { holds, same, until } from '@acme/nest-message-context/kit';
import {
  add,
  claimAll,
  idsOf,
  MINUTE_MS,
  named,
  newMessage,
  pending,
  PLAIN,
  seqsOf,
} from './store-case-tools.js';
import type { OutboxStoreFixture, StoreCases } from './store-contract.js';

const STRICT: EntryRules = { strictOrder: true, sequence: false };
const NUMBERED: EntryRules = { strictOrder: false, sequence: true };

const addUnder = (
  fixture: OutboxStoreFixture,
  rules: EntryRules,
  messages: readonly NewMessage[],
): Promise<unknown> => fixture.transaction((sql) => fixture.store.insert(sql, messages, rules));

const ofKeys = (...keys: (string | null)[]): NewMessage[] => keys.map((key) => newMessage({ key }));

const numbers = (rows: readonly StoredMessage[]): [string | null, number | null][] =>
  rows.map(({ key, sequence }) => [key, sequence]);

/** Two transactions add to one key, the second one to others first. Resolves with the order in which both are there. */
async function race(fixture: OutboxStoreFixture, rules: EntryRules): Promise<string[]> {
  const { store, other } = fixture;
  let second: Promise<void> | undefined;
  let hasAdded = false;
  await fixture.transaction(async (sql) => {
    await store.insert(sql, named(['first'], { key: 'k' }), rules);
    second = fixture.transaction(async (theirs) => {
      await other.insert(theirs, named(['second'], { key: 'k' }), rules);
      hasAdded = true;
    });
    second.catch(() => {});
    // Nobody else waits, and what came later than the second one has been through.
    await fixture.transaction((theirs) =>
      store.insert(theirs, named(['other'], { key: 'o' }), rules),
    );
    await fixture.transaction((theirs) => other.insert(theirs, named(['none']), rules));
    same(hasAdded, false, 'whether the second one has got through');
  });
  await second;
  return idsOf((await pending(store)).filter(({ key }) => key === 'k'));
}

/** How messages get their places. */
export const entryCases: StoreCases = {
  'keeps what is due later apart, as it is, and enters it when its time has come': async (
    fixture,
  ) => {
    const { store, other } = fixture;
    const more = { key: 'k', headers: '{"x":1}', occurredAt: 5 };
    await add(fixture, [
      newMessage({ messageId: 'late', ...more, due: { inMs: MINUTE_MS } }),
      newMessage({ messageId: 'soon', ...more, payload: Uint8Array.of(1), due: { inMs: 30 } }),
      newMessage({ messageId: 'now', ...more }),
    ]);
    same(idsOf(await pending(other)), ['now'], 'what may leave at once');
    await until(async () => (await store.promote(10, PLAIN)).moved === 1, 'the second one is due');
    const rows = await pending(other);
    same(idsOf(rows), ['now', 'soon'], 'what may leave');
    const { headers, occurredAt, payload, lane, sequence } = rows[1]!;
    same(
      [headers, occurredAt, [...(payload as Uint8Array)], lane, sequence],
      ['{"x":1}', 5, [1], rows[0]!.lane, null],
      'the one that was late',
    );
    const { moved, nextInMs } = await store.promote(10, PLAIN);
    same(moved, 0, 'once more');
    holds(nextInMs! > 0 && nextInMs! <= MINUTE_MS, `the next one is due in ${nextInMs} ms`);
  },

  'enters what is due in the order of the times, at most so many': async (fixture) => {
    const { store } = fixture;
    const times = [500, 300, 100, 400, 200, 300];
    await add(
      fixture,
      times.map((atMs, n) => newMessage({ messageId: `${atMs}.${n}`, due: { atMs } })),
    );
    same(
      await store.promote(2, PLAIN),
      { moved: 2, skipped: 0, nextInMs: undefined },
      'the first two',
    );
    same(
      await store.promote(10, PLAIN),
      { moved: 4, skipped: 0, nextInMs: undefined },
      'the others',
    );
    same(
      idsOf(await pending(store)),
      ['100.2', '200.4', '300.1', '300.5', '400.3', '500.0'],
      'their order',
    );
    same(
      await store.promote(10, PLAIN),
      { moved: 0, skipped: 0, nextInMs: undefined },
      'when there is none',
    );
  },

  'enters each once, whoever asks': async (fixture) => {
    const { store, other } = fixture;
    const ids = Array.from({ length: 300 }, (_, n) => `m${n}`);
    await add(fixture, named(ids, { due: { atMs: 0 } }));
    let moved = 0;
    await until(async () => {
      const asked = [store, other, store, other].map((one) => one.promote(30, PLAIN));
      for (const one of await Promise.all(asked)) moved += one.moved;
      return moved >= 300;
    }, 'all of them have entered');
    same(moved, 300, 'moved');
    same(idsOf(await pending(store)).sort(), [...ids].sort(), 'what may leave');
  },

  'leaves nothing of what is due later when the transaction is rolled back': async (fixture) => {
    const { store } = fixture;
    const lost = fixture.transaction(async (sql) => {
      await store.insert(sql, named(['a', 'b'], { due: { atMs: 0 } }), NUMBERED);
      throw new RangeError('no');
    });
    await lost.catch(() => {});
    same((await store.operations.status()).delayed, 0, 'delayed');
    same(
      await store.promote(10, PLAIN),
      { moved: 0, skipped: 0, nextInMs: undefined },
      'what is due',
    );
  },

  'has the order of the commits where it is to be strict, and other keys wait for nobody': async (
    fixture,
  ) => {
    same(await race(fixture, STRICT), ['first', 'second'], 'the order');
  },

  'has the order of the commits where keys are numbered': async (fixture) => {
    same(await race(fixture, NUMBERED), ['first', 'second'], 'the order');
    const rows = (await pending(fixture.store)).filter(({ key }) => key === 'k');
    same(numbers(rows), [['k', 1], ['k', 2]], 'their numbers'); // prettier-ignore
  },

  'numbers the messages of each key from 1, without a gap, however they come': async (fixture) => {
    const { store, other } = fixture;
    await addUnder(fixture, NUMBERED, ofKeys('a'));
    await addUnder(fixture, NUMBERED, ofKeys('b', 'a', 'A', 'a', null, 'b', 'a ', 'a'));
    const lost = fixture.transaction(async (sql) => {
      await store.insert(sql, ofKeys('a', 'b', 'c'), NUMBERED);
      throw new RangeError('no');
    });
    await lost.catch(() => {});
    await addUnder(fixture, PLAIN, ofKeys('a'));
    await addUnder(fixture, STRICT, ofKeys('a'));
    await fixture.transaction(async (sql) => {
      await other.insert(sql, ofKeys('c', 'b'), NUMBERED);
      await other.insert(sql, ofKeys('b', 'a'), NUMBERED);
    });
    same(
      numbers(await pending(store)),
      [
        ...[['a', 1], ['b', 1], ['a', 2], ['A', 1], ['a', 3], [null, null], ['b', 2]], // prettier-ignore
        ...[['a ', 1], ['a', 4], ['a', null], ['a', null], ['c', 1], ['b', 3], ['b', 4], ['a', 5]], // prettier-ignore
      ],
      'numbers',
    );
  },

  'numbers what is due later when it enters': async (fixture) => {
    const { store } = fixture;
    const late = (atMs: number) => newMessage({ key: 'k', messageId: `${atMs}`, due: { atMs } });
    await addUnder(fixture, NUMBERED, [late(2), newMessage({ key: 'k' }), late(1)]);
    await store.promote(10, NUMBERED);
    await addUnder(fixture, NUMBERED, ofKeys('k'));
    const rows = await pending(store);
    same(numbers(rows), [['k', 1], ['k', 2], ['k', 3], ['k', 4]], 'numbers'); // prettier-ignore
    same(idsOf(rows).slice(1, 3), ['1', '2'], 'their order');
  },

  'lets in what is due of other keys while a transaction that has added to a key is open': async (
    fixture,
  ) => {
    const { store, other } = fixture;
    for (const [key, rules] of [
      ['a', STRICT],
      ['a', STRICT],
      ['b', NUMBERED],
      ['b', NUMBERED],
    ] as const) {
      const due = (messageId: string, of: string | null, atMs: number) =>
        newMessage({ messageId, key: of, due: { atMs } });
      await addUnder(fixture, PLAIN, [
        ...[due('k1', key, 1), due('o', `not ${key}`, 2), due('k2', key, 3), due('n', null, 4)],
      ]);
      await fixture.transaction(async (sql) => {
        await store.insert(sql, [newMessage({ messageId: 'k0', key })], rules);
        const first = await other.promote(10, rules);
        same(first, { moved: 2, skipped: 2, nextInMs: undefined }, 'while it is open');
        same((await other.promote(10, rules)).skipped, 2, 'once more');
      });
      const then = await other.promote(10, rules);
      same(then, { moved: 2, skipped: 0, nextInMs: undefined }, 'when it has ended');
      const rows = await pending(store);
      same(idsOf(rows.filter((row) => row.key === key)), ['k0', 'k1', 'k2'], 'their order');
      await store.remove('pending', seqsOf(rows), await claimAll(store), false);
    }
  },

  'keeps numbers through all that becomes of a message': async (fixture) => {
    const { store } = fixture;
    await addUnder(fixture, NUMBERED, ofKeys(...Array.from({ length: 500 }, () => 'k')));
    const rows = await pending(store);
    same(
      rows.map(({ sequence }) => sequence),
      Array.from({ length: 500 }, (_, n) => n + 1),
      'numbers',
    );
    const held = (await store.claim('a', [], 4, MINUTE_MS)).map(({ lane, token }) => ({ lane, token })); // prettier-ignore
    await store.divert(rows.slice(0, 2), held);
    const { messages } = await store.readWaiting([0, 1, 2, 3], [], 10);
    same(numbers(messages), [['k', 1], ['k', 2]], 'of those that wait'); // prettier-ignore
    await store.remove('waiting', [rows[0]!.seq], held, true);
    const [kept] = await store.operations.published({}, undefined, 10);
    same([kept!.sequence, kept!.seq], [1, rows[0]!.seq], 'of one that was published');
  },

  'numbers without a gap while many add to several keys in any order': async (fixture) => {
    const { store, other } = fixture;
    const keys = ['a', 'b', 'c', 'd'];
    // So that nobody is the first of a key: several of those that wait for one who takes it back may lose their turn.
    await addUnder(fixture, NUMBERED, ofKeys(...keys));
    const adder = async (n: number) => {
      for (let call = 0; call < 8; call += 1) {
        const added = fixture.transaction(async (sql) => {
          const order = (n + call) % 2 ? keys : [...keys].reverse();
          await (n % 2 ? store : other).insert(sql, ofKeys(...order), NUMBERED);
          if (call % 3 === 0) throw new RangeError('no');
        });
        await added.catch((error: unknown) => {
          if (!(error instanceof RangeError)) throw error;
        });
      }
    };
    await Promise.all([0, 1, 2, 3, 4].map(adder));
    const rows = await pending(store);
    for (const key of keys) {
      const found = rows.filter((row) => row.key === key).map(({ sequence }) => sequence);
      same(
        found,
        Array.from({ length: 26 }, (_, n) => n + 1),
        `the numbers of ${key}`,
      );
    }
  },
};
