import { Buffer } from 'node:buffer';
import type { NewMessage, StoredMessage } from '../contracts/messages.js';
import { laneOf } from '../core/lane.js';
import { holds, same } from '@acme/nest-message-context/kit';
import { add, idsOf, named, newMessage, pending, PLAIN, seqsOf } from './store-case-tools.js';
import type { StoreCases } from './store-contract.js';

const LONGEST = 'x'.repeat(255);

const VARIED: readonly NewMessage[] = [
  newMessage({
    key: `k,"'{}\\%_`,
    exchange: 'ex',
    routingKey: 'a.b',
    contentType: 'application/vnd.x+json',
    headers: '{"one":"ü 😀","two":2,"text":"it\'s \\"quoted\\" \\\\ \\u0000"}',
    payload: JSON.stringify({ text: 'it\'s "quoted" \\ \n\t\0\u0001\u2028 주문 😀 $1 ? :a' }),
  }),
  newMessage({ exchange: '', routingKey: '', contentType: '', key: '' }),
  newMessage({ type: LONGEST, key: LONGEST, exchange: LONGEST, routingKey: LONGEST }),
  newMessage({ messageId: LONGEST, contentType: LONGEST, key: '€'.repeat(85) }),
  newMessage({ payload: Uint8Array.from({ length: 256 }, (_, byte) => byte) }),
  newMessage({ payload: new Uint8Array(), key: '😀'.repeat(63) }),
  newMessage({ payload: `"${'x'.repeat(1_000_000)}"`, occurredAt: 0 }),
  newMessage({ payload: new Uint8Array(1_000_000).fill(39), occurredAt: -1 }),
  newMessage({ payload: '""', occurredAt: 253_402_300_799_999 }),
];

/** A stored message as it was given. Bytes may come in any kind of array. */
function given({ payload, ...row }: StoredMessage): NewMessage {
  const { messageId, type, key, exchange, routingKey, contentType, headers, occurredAt } = row;
  const names = { messageId, type, key, exchange, routingKey, contentType };
  const same = typeof payload === 'string' ? payload : Uint8Array.from(payload);
  return { ...names, headers, occurredAt, payload: same, due: null };
}

/** What transactions write, and in which order. */
export const addCases: StoreCases = {
  'keeps one message as it is, whatever is in it': async (fixture) => {
    for (const message of VARIED) await add(fixture, [message]);
    same((await pending(fixture.other)).map(given), VARIED, 'what is read');
  },

  'keeps messages that come together as they are': async (fixture) => {
    await add(fixture, VARIED);
    same((await pending(fixture.other)).map(given), VARIED, 'what is read');
  },

  'gives them their lane, and messages of one key one block': async (fixture) => {
    const keys = [null, null, 'a', 'a', 'b'];
    await add(
      fixture,
      keys.map((key) => newMessage({ key })),
    );
    const rows = await pending(fixture.store);
    for (const { lane, key, messageId } of rows)
      same(lane, laneOf(key ?? messageId, fixture.store.lanes), 'the lane');
    const [none, neither, a, again, b] = rows.map(({ block }) => block);
    same(a, again, 'the blocks of one key');
    same(new Set([none, neither, a, b]).size, 4, 'blocks');
    for (const { place, attempts, tries, history } of rows)
      same([place, attempts, tries, history], ['pending', 0, 0, []], 'a new one');
  },

  'takes text that is no Unicode as UTF-8 has it': async (fixture) => {
    const half = newMessage({ key: 'half \ud83d', type: '\udc00' });
    await add(fixture, [half]);
    await add(fixture, [half, half]);
    for (const { key, type, lane } of await pending(fixture.store))
      same([key, type, lane], ['half \ufffd', '\ufffd', laneOf(half.key!, 4)], 'what is read');
  },

  'writes ten thousand messages in one call, in their order': async (fixture) => {
    const ids = Array.from({ length: 10_000 }, (_, n) => `m${n}`);
    await add(
      fixture,
      ids.map((messageId, n) =>
        newMessage({
          messageId,
          key: `k${n % 7}`,
          payload: n % 2 ? JSON.stringify({ text: "it's".repeat(100) }) : Buffer.from([n % 256]),
        }),
      ),
    );
    same(idsOf(await pending(fixture.other)), ids, 'their order');
  },

  'writes nothing for no messages': async (fixture) => {
    await add(fixture, []);
    same(await pending(fixture.store), [], 'what is read');
  },

  'leaves nothing of a transaction that is rolled back': async (fixture) => {
    const lost = fixture.transaction(async (sql) => {
      await fixture.store.insert(sql, named(['a']), PLAIN);
      await fixture.store.insert(sql, named(['b', 'c']), PLAIN);
      throw new RangeError('no');
    });
    const error = await lost.catch((reason: unknown) => reason);
    holds(error instanceof RangeError, 'the transaction fails by its own error');
    same(await pending(fixture.other), [], 'what is read');
  },

  'keeps the order of every call while others add': async (fixture) => {
    const { store, other } = fixture;
    const adder = async (name: string, size: number) => {
      for (let call = 0; call < 20; call += 1) {
        const ids = Array.from({ length: size }, (_, n) => `${name} ${call} ${n}`);
        await fixture.transaction((sql) =>
          (call % 2 ? store : other).insert(sql, named(ids), PLAIN),
        );
      }
    };
    await Promise.all([adder('a', 1), adder('b', 3), adder('c', 40), adder('d', 150)]);
    const last = new Map<string, string>();
    const rows = await pending(store);
    same(rows.length, 20 * 194, 'messages');
    for (const { messageId } of rows) {
      const [name, ...place] = messageId.split(' ').map((part) => part.padStart(3, '0'));
      holds(place.join() > (last.get(name!) ?? ''), `${messageId} comes after its predecessor`);
      last.set(name!, place.join());
    }
  },

  'shows what was committed late, below what was read before': async (fixture) => {
    const { store, other } = fixture;
    await fixture.transaction(async (sql) => {
      await store.insert(sql, named(['late']), PLAIN);
      await fixture.transaction((second) => store.insert(second, named(['early']), PLAIN));
      same(idsOf(await pending(other)), ['early'], 'before the commit');
    });
    const rows = await pending(other);
    same(idsOf(rows), ['late', 'early'], 'after it');
    const [late] = await other.readPending([0, 1, 2, 3], [rows[1]!.seq], 10);
    same(late?.messageId, 'late', 'without the one that is known');
  },

  'counts beyond two and four billion': async (fixture) => {
    for (const from of [2 ** 31 - 1, 2 ** 33]) {
      await fixture.skipTo(from);
      await add(fixture, named(['a']));
      await add(fixture, named(['b', 'c']));
      const rows = (await pending(fixture.store)).filter(({ seq }) => seq >= from);
      same(idsOf(rows), ['a', 'b', 'c'], 'what is read');
      const [first, second, third] = seqsOf(rows);
      holds(first! < second! && second! < third!, 'the numbers grow');
    }
  },
};
