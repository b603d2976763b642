import type { StoredMessage } from '../contracts/messages.js';
import type { HeldLane } from '../contracts/outbox-store.js';
import { holds, same } from '@acme/nest-message-context/kit';
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
  PLAIN,
  pending,
  seqsOf,
  takeOver,
  waiting,
} from './store-case-tools.js';
import type { StoreCases } from './store-contract.js';

/** What relays do to one another when they work at the same time. */
export const togetherCases: StoreCases = {
  'lets many relays tend, claim, give back and leave at once, each lane with one owner': async ({
    store,
    other,
  }) => {
    const owners = new Set<string>();
    let count = 0;
    const relay = async (name: string, n: number) => {
      const mine = n % 2 ? store : other;
      let held: HeldLane[] = [];
      for (let round = 0; round < 15; round += 1) {
        const { renewed } = await mine.tend(name, held, MINUTE_MS);
        same(renewed.length, held.length, `what ${name} has renewed`);
        for (const { lane, token } of await mine.claim(name, held, 2, MINUTE_MS)) {
          held.push({ lane, token });
          owners.add(`${lane} ${token}`);
          count += 1;
        }
        if (round % 3 === n % 3) await mine.release(held.splice(0, 1));
        if (round % 5 === n % 5) {
          await mine.leave(name);
          held = [];
        }
      }
      await mine.leave(name);
    };
    await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(relay));
    same(owners.size, count, 'owners');
    holds(count > 10, 'lanes have changed hands');
    same((await claimAll(store, 'last')).length, 4, 'lanes that are free');
  },

  'waits for no transaction that adds': async (fixture) => {
    const { store, other } = fixture;
    await add(fixture, named(['a', 'b', 'c', 'd'], { key: 'k' }));
    await fixture.transaction(async (sql) => {
      await store.insert(sql, named(['open'], { key: 'k' }), PLAIN);
      await store.insert(sql, named(['open too', 'and this'], { key: 'k' }), PLAIN);
      const held = await claimAll(other);
      const [a, b, c, d] = await pending(other);
      await other.tend('a', held, MINUTE_MS);
      await other.remove('pending', [a!.seq], held, false);
      await other.holdBack('pending', [heldBack(b!)], held);
      await other.divert([c!], held);
      await other.park(
        'pending',
        [{ ...heldBack(d!), reason: { code: 'X', message: 'x' } }],
        held,
        false,
      );
      const found = await waiting(other);
      same(idsOf(found), ['b', 'c'], 'what waits');
      await other.remove('waiting', seqsOf(found), held, false);
      same(await other.unblock([b!.block], held), [b!.block], 'what is free');
      await other.leave('a');
      await fixture.transaction((second) => store.insert(second, named(['beside', 'it']), PLAIN));
    });
    same(
      idsOf(await pending(store)).sort(),
      ['and this', 'beside', 'it', 'open', 'open too'],
      'what is left',
    );
  },

  'settles while others add': async (fixture) => {
    const { store, other } = fixture;
    const held = await claimAll(other);
    let adding = true;
    const adder = async (name: string) => {
      for (let n = 0; n < 25; n += 1)
        await fixture.transaction((sql) =>
          store.insert(sql, named([`${name}${n}`, `${name}${n}x`], { key: name }), PLAIN),
        );
    };
    const relay = async () => {
      const seen: string[] = [];
      while (adding || (await pending(other)).length > 0) {
        const rows = await other.readPending(allLanes(other), [], 20);
        seen.push(...idsOf(rows));
        same(await other.remove('pending', seqsOf(rows), held, false), rows.length, 'removed');
      }
      return seen;
    };
    const relaying = relay();
    await Promise.all(['a', 'b', 'c'].map(adder)).finally(() => (adding = false));
    const seen = await relaying;
    for (const name of ['a', 'b', 'c']) {
      const expected = Array.from({ length: 25 }, (_, n) => [`${name}${n}`, `${name}${n}x`]).flat();
      same(
        seen.filter((id) => id.startsWith(name)),
        expected,
        `the order of ${name}`,
      );
    }
  },

  'gives a lane to its next owner before or after a change of the former one, never amid': async (
    fixture,
  ) => {
    const { store, other } = fixture;
    for (let round = 0; round < 15; round += 1) {
      await add(fixture, named([`m${round}`], { key: `k${round}` }));
      const former = await claimAll(store, 'a', 1);
      const [row] = (await pending(store)).filter(({ messageId }) => messageId === `m${round}`);
      const change = store.holdBack('pending', [heldBack(row!)], former);
      await takeOver(other, 'b');
      const blocks = await blocksOf(other);
      const places = [idsOf(await pending(other)), idsOf(await waiting(other))];
      await change;
      same(await blocksOf(other), blocks, 'blocks, afterwards');
      same(
        [idsOf(await pending(other)), idsOf(await waiting(other))],
        places,
        'places, afterwards',
      );
      holds(places.flat().filter((id) => id === `m${round}`).length === 1, 'it is in one place');
      await other.leave('b');
    }
  },

  'loses no message between a change that blocks a key and one that frees it': async (fixture) => {
    const { store, other } = fixture;
    const held = await claimAll(store);
    const moves: ((row: StoredMessage) => Promise<unknown>)[] = [
      (row) => other.divert([row], held),
      (row) => other.holdBack('pending', [heldBack(row)], held),
      (row) => other.operations.redrive({ messageIds: [row.messageId] }, 1),
    ];
    for (let round = 0; round < 45; round += 1) {
      const move = moves[round % moves.length]!;
      await add(fixture, named([`first ${round}`, `second ${round}`], { key: 'k' }));
      const [first, second] = (await pending(store)) as [StoredMessage, StoredMessage];
      await store.divert([first], held);
      await store.remove('waiting', [first.seq], held, false);
      if (round % moves.length === 2) await store.park('pending', [parked(second)], held, false);
      await Promise.all([move(second), store.unblock([first.block], held)]);
      same(seqsOf(await waiting(other)), [second.seq], `what waits in round ${round}`);
      await store.remove('waiting', [second.seq], held, false);
      same(await store.unblock([first.block], held), [first.block], 'what is free');
    }
  },

  'changes many blocks at once from all sides, and none waits in a circle': async (fixture) => {
    const { store, other } = fixture;
    const held = await claimAll(store);
    const keys = Array.from({ length: 12 }, (_, n) => `k${n}`);
    for (let round = 0; round < 15; round += 1) {
      const messages = ['a', 'b', 'c', 'd'].flatMap((name) =>
        keys.map((key) => newMessage({ key, messageId: `${name} ${key} ${round}` })),
      );
      await add(fixture, messages);
      const rows = await pending(store);
      const part = (n: number) => rows.slice(12 * n, 12 * n + 12);
      await store.divert(part(0), held);
      await store.remove('waiting', seqsOf(part(0)), held, false);
      await store.park('pending', part(3).map(parked), held, false);
      const blocks = part(0).map(({ block }) => block);
      await Promise.all([
        store.divert(part(1).reverse(), held),
        other.holdBack(
          'pending',
          part(2).map((row) => heldBack(row)),
          held,
        ),
        other.unblock([...blocks].reverse(), held),
        store.operations.redrive({}, 100),
        other.tend('a', held, MINUTE_MS),
      ]);
      const found = await waiting(other);
      same(seqsOf(found), seqsOf(rows.slice(12)), `what waits in round ${round}`);
      await store.remove('waiting', seqsOf(found), held, false);
      same((await store.unblock(blocks, held)).length, 12, 'blocks that are free');
    }
  },
};
