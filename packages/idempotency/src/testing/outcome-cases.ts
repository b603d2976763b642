import {
  claimAs,
  granted,
  holds,
  KEPT,
  MINUTE_MS,
  newId,
  requestFor,
  same,
  until,
} from './case-tools.js';
import type { StoreContractFixture } from './contract.js';

type Cases = Record<string, (fixture: StoreContractFixture) => Promise<void>>;

/** What is kept, how long, and who may change it. */
export const outcomeCases: Cases = {
  'keeps any text as it is': async ({ store, other }) => {
    const id = newId();
    const outcome = `{"text":"\u0001 ' \\" \\\\ ü € 😀","long":"${'x'.repeat(100_000)}"}`;
    await claimAs(store, id, 'a');
    const request = { ...requestFor(id), token: 'a' };
    same(await store.settle(request, outcome, MINUTE_MS), 'held', 'the settlement');
    const claim = await claimAs(other, id, 'b');
    same(claim, { state: 'done', fingerprint: undefined, outcome }, 'the outcome');
  },

  'tells nothing from an empty reply': async ({ store }) => {
    const [one, other] = [newId(), newId()];
    for (const [id, outcome] of [[one, undefined] as const, [other, ''] as const]) {
      await claimAs(store, id, 'a');
      await store.settle({ ...requestFor(id), token: 'a' }, outcome, MINUTE_MS);
      const claim = await claimAs(store, id, 'b');
      same(claim, { state: 'done', fingerprint: undefined, outcome }, 'the outcome');
    }
  },

  'settles twice for the same token, and never for another': async ({ store, other }) => {
    const id = newId();
    await claimAs(store, id, 'a');
    const as = (token: string) => ({ ...requestFor(id), token });
    same(await other.settle(as('b'), 'b', MINUTE_MS), 'lost', 'by another token');
    same(await store.settle(as('a'), 'a', MINUTE_MS), 'held', 'the first time');
    same(await store.settle(as('a'), 'a', MINUTE_MS), 'held', 'the second time');
    same(await other.settle(as('b'), 'b', MINUTE_MS), 'lost', 'by another token, later');
    const { outcome } = (await store.get(id))!;
    same(outcome, 'a', 'the outcome');
  },

  'keeps what was settled last, also where nobody has claimed it': async ({ store, other }) => {
    const id = newId();
    const request = { ...requestFor(id), token: 'a' };
    for (const [by, outcome] of [[store, 'one'] as const, [other, 'two "ü"'] as const]) {
      same(await by.settle(request, outcome, MINUTE_MS), 'held', 'the settlement');
      same((await store.get(id))?.outcome, outcome, 'the outcome');
    }
    same(await other.remove(id, 'done'), true, 'the removal');
    same(await store.get(id), undefined, 'what is left');
    same(await store.settle(request, 'three', MINUTE_MS), 'held', 'a later settlement');
    same((await other.get(id))?.outcome, 'three', 'the later outcome');
  },

  'lets a lease that ran out without a successor be settled, fingerprint and all': async ({
    store,
  }) => {
    const id = newId();
    await claimAs(store, id, 'a', { lockTtlMs: 5, fingerprint: 'print' });
    await until(async () => (await store.extend(id, 'a', 5)) === 'lost', 'the lease runs out');
    const request = { ...requestFor(id, 'print'), token: 'a' };
    same(await store.settle(request, 'late', MINUTE_MS), 'held', 'the settlement');
    const done = { state: 'done', fingerprint: 'print', outcome: 'late' };
    same(await claimAs(store, id, 'b'), done, 'the outcome');
  },

  'lets a lease be settled whose successor is forgotten, too': async ({ store, other }) => {
    const id = newId();
    await claimAs(store, id, 'a', { lockTtlMs: 5 });
    await until(
      async () => (await claimAs(other, id, 'b', { lockTtlMs: 5 })).state === 'claimed',
      'the lease runs out',
    );
    await until(async () => (await other.get(id)) === undefined, 'the second runs out');
    same(await store.settle({ ...requestFor(id), token: 'a' }, 'late', MINUTE_MS), 'held', 'it');
  },

  'forgets an outcome in time': async ({ store }) => {
    const id = newId();
    const { fence } = granted(await claimAs(store, id, 'a', { fingerprint: 'old' }));
    await store.settle({ ...requestFor(id, 'old'), token: 'a' }, 'old', 20);
    let again = 0;
    await until(async () => {
      const claim = await claimAs(store, id, 'b');
      if (claim.state === 'claimed') again = claim.fence;
      return claim.state === 'claimed';
    }, 'the outcome is forgotten');
    holds(again > fence, 'the fence grows');
    const record = await store.get(id);
    same([record?.outcome, record?.fingerprint, record?.attempt], [undefined, undefined, 1], 'it');
  },

  'releases only what is running and the caller’s': async ({ store, other }) => {
    const id = newId();
    await claimAs(store, id, 'a');
    await other.release(id, 'b');
    same((await claimAs(other, id, 'b')).state, 'running', 'after a release by another');
    await store.release(id, 'a');
    granted(await claimAs(other, id, 'b'));
    await other.settle({ ...requestFor(id), token: 'b' }, undefined, MINUTE_MS);
    await other.release(id, 'b');
    same((await claimAs(store, id, 'c')).state, 'done', 'after a release of what is done');
  },

  'counts attempts where they are kept, over releases and over leases that ran out': async ({
    store,
    other,
  }) => {
    const id = newId();
    const terms = { attemptTtlMs: MINUTE_MS };
    same(granted(await claimAs(store, id, 'a', terms)).attempt, 1, 'the first');
    await store.release(id, 'a', KEPT);
    same((await other.get(id))?.state, 'free', 'the record between');
    const second = granted(await claimAs(other, id, 'b', { ...terms, lockTtlMs: 5 }));
    same(second.attempt, 2, 'the second');
    await until(
      async () => (await claimAs(store, id, 'c', terms)).state === 'claimed',
      'the lease runs out',
    );
    same((await store.get(id))?.attempt, 3, 'the third');
    await store.release(id, 'c');
    same(granted(await claimAs(store, id, 'd', terms)).attempt, 1, 'after they were forgotten');
  },

  'counts no attempt of which that is said': async ({ store, other }) => {
    const id = newId();
    const terms = { attemptTtlMs: MINUTE_MS };
    for (const token of ['a', 'b']) {
      same(granted(await claimAs(store, id, token, terms)).attempt, 1, `the attempt of ${token}`);
      await other.release(id, token, { ...KEPT, counted: false });
    }
    granted(await claimAs(store, id, 'c', terms));
    await store.release(id, 'c', KEPT);
    same(granted(await claimAs(store, id, 'd', terms)).attempt, 2, 'the one after one that counts');
    await store.release(id, 'd', { ...KEPT, counted: false });
    same(granted(await claimAs(store, id, 'e', terms)).attempt, 2, 'the one in its place');
  },

  'shows a record as it is': async ({ store, other }) => {
    const id = newId();
    same(await store.get(id), undefined, 'what is not there');
    const { fence } = granted(await claimAs(store, id, 'a', { fingerprint: 'print' }));
    const running = (await other.get(id))!;
    const { createdAt, expiresAt, lockedUntil, ...rest } = running;
    const common = { id, name: 'contract', fingerprint: 'print', fence, attempt: 1 };
    same(rest, { ...common, state: 'running', outcome: undefined }, 'what runs');
    holds(lockedUntil!.getTime() - createdAt.getTime() === MINUTE_MS, 'it is locked for a minute');
    holds(expiresAt.getTime() >= lockedUntil!.getTime() - 1, 'it is kept as long as it is locked');
    await store.settle({ ...requestFor(id, 'print'), token: 'a' }, 'reply', 2 * MINUTE_MS);
    const done = (await other.get(id))!;
    same(
      [done.state, done.outcome, done.lockedUntil],
      ['done', 'reply', undefined],
      'what is done',
    );
    holds(done.expiresAt.getTime() > expiresAt.getTime(), 'it is kept longer');
  },

  'removes a record in the state that was named, and no other': async ({ store, other }) => {
    const id = newId();
    same(await store.remove(id, 'done'), false, 'what is not there');
    await claimAs(store, id, 'a');
    same(await other.remove(id, 'done'), false, 'what runs, as done');
    same(await other.remove(id, 'running'), true, 'what runs');
    same(await store.extend(id, 'a', MINUTE_MS), 'lost', 'the lease of it');
    granted(await claimAs(other, id, 'b'));
    await other.settle({ ...requestFor(id), token: 'b' }, undefined, MINUTE_MS);
    same(await store.remove(id, 'running'), false, 'what is done, as running');
    same(await store.remove(id, 'done'), true, 'what is done');
    granted(await claimAs(store, id, 'c'));
  },

  'purges what has expired, and never a live claim': async ({ store, other }) => {
    const [live, kept, ...old] = Array.from({ length: 12 }, newId);
    await claimAs(store, live!, 'a');
    await claimAs(store, kept!, 'a');
    await store.settle({ ...requestFor(kept), token: 'a' }, 'kept', MINUTE_MS);
    for (const id of old) {
      await claimAs(store, id, 'a');
      await store.settle({ ...requestFor(id), token: 'a' }, 'old', 1);
    }
    await until(
      async () => (await Promise.all(old.map((id) => store.get(id)))).every((one) => !one),
      'they expire',
    );
    await Promise.all([store.purge(5), other.purge(5), store.purge(5)]);
    while ((await store.purge(100)) > 0);
    same((await store.get(live!))?.state, 'running', 'the live claim');
    same((await other.get(kept!))?.outcome, 'kept', 'what is kept');
    granted(await claimAs(store, old[0]!, 'b'));
  },

  'tells whoever listens that a claim has ended, where it can': async ({ store, other }) => {
    const [settled, released, removed] = [newId(), newId(), newId()];
    const heard = new Set<string>();
    const stops = await Promise.all(
      [settled, released, removed].map(async (id) => other.subscribe?.(id, () => heard.add(id))),
    );
    for (const id of [settled, released, removed]) await claimAs(store, id, 'a');
    await store.settle({ ...requestFor(settled), token: 'a' }, undefined, MINUTE_MS);
    await store.release(released, 'a');
    await store.remove(removed, 'running');
    if (other.subscribe) await until(async () => heard.size === 3, 'it is heard');
    for (const stop of stops) stop?.();
  },
};
