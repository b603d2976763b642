import type { HeldLane } from '../contracts/outbox-store.js';
import { holds, same, until } from '@acme/nest-message-context/kit';
import {
  add,
  allLanes,
  claimAll,
  heldBack,
  MINUTE_MS,
  named,
  pending,
  takeOver,
  waiting,
  withClockAhead,
} from './store-case-tools.js';
import type { StoreCases } from './store-contract.js';

const DAY_MS = 86_400_000;

const lanesOf = (held: readonly { readonly lane: number }[]): number[] =>
  held.map(({ lane }) => lane).sort();

/** Who holds a lane, and for how long. */
export const laneCases: StoreCases = {
  'gives as many lanes as are asked for and free': async ({ store, other }) => {
    const first = await store.claim('a', [], 3, MINUTE_MS);
    same(first.length, 3, 'lanes of the first');
    for (const { takenOver } of first) same(takenOver, false, 'taken over');
    const second = await other.claim('b', [], 3, MINUTE_MS);
    same(lanesOf([...first, ...second]), allLanes(store), 'all lanes');
    same(await store.claim('a', first, 1, MINUTE_MS), [], 'what is left');
    same(await other.claim('b', second, 0, MINUTE_MS), [], 'of none');
  },

  'gives no lane to two of many': async ({ store, other }) => {
    const claimed: HeldLane[] = [];
    const relays = ['a', 'b', 'c', 'd', 'e', 'f'].map((relay, n) => async () => {
      const held: HeldLane[] = [];
      await until(async () => {
        const found = await (n % 2 ? store : other).claim(relay, held, 1, MINUTE_MS);
        held.push(...found);
        claimed.push(...found);
        return claimed.length >= store.lanes;
      }, 'all lanes are taken');
    });
    await Promise.all(relays.map((claim) => claim()));
    same(lanesOf(claimed), allLanes(store), 'the lanes');
  },

  'takes a lane over when its lease has run out, and raises its token': async ({
    store,
    other,
  }) => {
    await other.claim('c', [], store.lanes - 1, MINUTE_MS);
    const [first] = await store.claim('a', [], 1, 30);
    let taken = await other.claim('b', [], 4, MINUTE_MS);
    await until(async () => {
      if (taken.length === 0) taken = await other.claim('b', [], 4, MINUTE_MS);
      return taken.length > 0;
    }, 'the lease runs out');
    const [{ lane, token, takenOver }] = taken as [(typeof taken)[number]];
    same([lane, takenOver], [first!.lane, true], 'the lane');
    holds(token > first!.token, 'the token grows');
    const { renewed } = await store.tend('a', [first!], MINUTE_MS);
    same(renewed, [], 'what the first one renews');
    same((await other.tend('b', [{ lane, token }], MINUTE_MS)).renewed, [lane], 'the second');
  },

  'raises the token with every owner, also of a lane that was given back': async ({ store }) => {
    const tokens: number[] = [];
    for (const relay of ['a', 'b', 'b']) {
      const held = await claimAll(store, relay);
      tokens.push(held.find(({ lane }) => lane === 2)!.token);
      await store.release(held);
      same((await store.tend(relay, held, MINUTE_MS)).renewed, [], 'what was given back');
    }
    holds(tokens[0]! < tokens[1]! && tokens[1]! < tokens[2]!, 'the tokens grow');
    for (const { takenOver } of await store.claim('c', [], 4, MINUTE_MS))
      same(takenOver, false, 'taken over');
  },

  'keeps a lane as long as it is renewed, and as short': async ({ store, other }) => {
    const held = await store.claim('a', [], 2, 40);
    const { renewed } = await store.tend('a', held, MINUTE_MS);
    same([...renewed].sort(), lanesOf(held), 'what is renewed');
    await other.claim('c', [], 2, 40);
    let taken: readonly HeldLane[] = [];
    await until(async () => {
      taken = [...taken, ...(await other.claim('b', taken, 4, MINUTE_MS))];
      return taken.length >= 2;
    }, 'the leases that began later run out');
    same(lanesOf([...held, ...taken]), allLanes(store), 'those were not renewed');
    await store.tend('a', held, 1);
    await until(
      async () => (await other.claim('b', taken, 4, MINUTE_MS)).length > 0,
      'a shorter lease runs out',
    );
  },

  'renews nothing of what somebody else holds': async ({ store, other }) => {
    const mine = await other.claim('b', [], 3, MINUTE_MS);
    const [stale] = await store.claim('a', [], 1, 1);
    let taken = await other.claim('b', mine, 4, 30);
    await until(async () => {
      if (taken.length === 0) taken = await other.claim('b', mine, 4, 30);
      return taken.length > 0;
    }, 'the lease runs out');
    same((await store.tend('a', [stale!, ...mine], DAY_MS)).renewed, [], 'what is renewed');
    await until(
      async () => (await store.claim('c', [], 4, MINUTE_MS)).length > 0,
      'the lease of the new owner has not grown',
    );
  },

  'renews nothing by an old token, though its owner has the lane again': async ({ store }) => {
    const old = await claimAll(store, 'a', 1);
    const held = await takeOver(store, 'a');
    same((await store.tend('a', old, DAY_MS)).renewed, [], 'by the old ones');
    same((await store.tend('a', held, 1)).renewed.length, 4, 'by the new ones');
    same((await takeOver(store, 'b')).length, 4, 'lanes that are taken over');
  },

  'counts the relays that live': async ({ store, other }) => {
    const relays = async (relay: string, leaseMs = MINUTE_MS) =>
      (await store.tend(relay, [], leaseMs)).relays;
    same(await relays('a'), 1, 'relays');
    same((await other.tend('b', [], MINUTE_MS)).relays, 2, 'relays');
    same(await relays('c', 30), 3, 'relays');
    await until(async () => (await relays('a')) === 2, 'a dead relay is forgotten');
    await other.leave('b');
    same(await relays('a'), 1, 'relays');
    same(await relays('A'), 2, 'relays, of names that differ in case');
  },

  'gives everything back of a relay that leaves': async ({ store, other }) => {
    const held = await store.claim('a', [], 3, MINUTE_MS);
    const [kept] = await other.claim('b', [], 1, MINUTE_MS);
    await store.tend('a', held, MINUTE_MS);
    await store.leave('a');
    await store.leave('never came');
    same(
      (await other.tend('b', [kept!], MINUTE_MS)).renewed,
      [kept!.lane],
      'of the one that stays',
    );
    const claimed = await other.claim('b', [kept!], 4, MINUTE_MS);
    same(lanesOf(claimed), lanesOf(held), 'what is free');
    for (const { takenOver } of claimed) same(takenOver, false, 'taken over');
  },

  'gives back what is held, and not what somebody else has taken': async ({ store, other }) => {
    const stale = await claimAll(store, 'a', 1);
    await takeOver(other, 'b');
    await store.release(stale);
    same(await store.claim('a', [], 4, MINUTE_MS), [], 'what is free');
  },

  'may be asked twice': async ({ store }) => {
    const held = await claimAll(store);
    for (const _ of [1, 2]) {
      const { relays, renewed } = await store.tend('a', held, MINUTE_MS);
      same([relays, renewed.length], [1, 4], 'what was tended');
    }
    await store.release(held.slice(0, 2));
    await store.release(held.slice(0, 2));
    same((await store.tend('a', held, MINUTE_MS)).renewed.length, 2, 'lanes left');
    await store.leave('a');
    await store.leave('a');
    same((await claimAll(store, 'b')).length, 4, 'lanes that are free');
  },

  'measures by the clock of the database': async (fixture) => {
    const { store, other } = fixture;
    const held = await withClockAhead(-DAY_MS, () => claimAll(store));
    same(
      await withClockAhead(DAY_MS, () => other.claim('b', [], 4, MINUTE_MS)),
      [],
      'what is free',
    );
    await withClockAhead(-DAY_MS, () => store.tend('a', held, MINUTE_MS));
    const { relays } = await withClockAhead(DAY_MS, () => other.tend('b', [], MINUTE_MS));
    same(relays, 2, 'relays');
    await add(fixture, named(['now', 'later']));
    const [now, later] = await pending(store);
    await withClockAhead(DAY_MS, () => store.holdBack('pending', [heldBack(now!)], held));
    await withClockAhead(-DAY_MS, () =>
      store.holdBack('pending', [heldBack(later!, { delayMs: MINUTE_MS })], held),
    );
    same(
      (await waiting(other)).map(({ messageId }) => messageId),
      ['now'],
      'what is due',
    );
  },
};
