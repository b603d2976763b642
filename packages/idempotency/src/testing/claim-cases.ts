import {
  claimAs,
  granted,
  holds,
  MINUTE_MS,
  newId,
  requestFor,
  same,
  until,
} from './case-tools.js';
import type { StoreContractFixture } from './contract.js';

type Cases = Record<string, (fixture: StoreContractFixture) => Promise<void>>;

/** Who gets a key, and for how long. */
export const claimCases: Cases = {
  'gives a key to one of many': async ({ store, other }) => {
    const id = newId();
    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, n) => claimAs(n % 2 ? other : store, id, `token ${n}`)),
    );
    const states = claims.map(({ state }) => state).sort();
    same(states, ['claimed', ...Array.from({ length: 19 }, () => 'running')], 'the claims');
  },

  'answers a repeated claim of one token as it did the first time': async ({ store, other }) => {
    const id = newId();
    const terms = { attemptTtlMs: MINUTE_MS };
    same(await claimAs(store, id, 'a', terms), await claimAs(other, id, 'a', terms), 'the second');
  },

  'tells the fingerprint of who runs, and of what is done': async ({ store, other }) => {
    const id = newId();
    await claimAs(store, id, 'a', { fingerprint: 'print' });
    const running = { state: 'running', fingerprint: 'print' };
    same(await claimAs(other, id, 'b'), running, 'while it runs');
    await store.settle({ ...requestFor(id, 'print'), token: 'a' }, 'reply', MINUTE_MS);
    const done = { state: 'done', fingerprint: 'print', outcome: 'reply' };
    same(await claimAs(other, id, 'b'), done, 'when it is done');
  },

  'takes a key over when its lease has run out; the zombie learns it, the fence grows': async ({
    store,
    other,
  }) => {
    const id = newId();
    const zombie = { ...requestFor(id), token: 'a' };
    const first = granted(await claimAs(store, id, 'a', { lockTtlMs: 30 }));
    let fence = 0;
    await until(async () => {
      const claim = await claimAs(other, id, 'b');
      if (claim.state === 'claimed') fence = claim.fence;
      return claim.state === 'claimed';
    }, 'the lease runs out');
    holds(fence > first.fence, 'the fence grows');
    same(await store.extend(id, 'a', MINUTE_MS), 'lost', 'the zombie’s extend');
    same(await store.settle(zombie, 'zombie', MINUTE_MS), 'lost', 'the zombie’s settle');
    await store.release(id, 'a');
    const winner = { ...requestFor(id), token: 'b' };
    same(await other.settle(winner, 'winner', MINUTE_MS), 'held', 'the winner’s settle');
  },

  'starts a lease anew that is extended': async ({ store }) => {
    const id = newId();
    await claimAs(store, id, 'a', { lockTtlMs: 500 });
    same(await store.extend(id, 'a', MINUTE_MS), 'held', 'the extension');
    const until = (await store.get(id))?.lockedUntil?.getTime() ?? 0;
    const created = (await store.get(id))!.createdAt.getTime();
    holds(until - created > 50_000, 'the lease lasts longer');
    same(await store.extend(id, 'a', 5), 'held', 'a shorter one');
  },

  'loses a lease that has run out, also where attempts are kept and nobody took it': async ({
    store,
    other,
  }) => {
    const id = newId();
    const terms = { lockTtlMs: 5, attemptTtlMs: MINUTE_MS };
    await claimAs(store, id, 'a', { ...terms, fingerprint: 'print' });
    await until(async () => (await other.get(id))?.state === 'free', 'the lease runs out');
    same(await store.extend(id, 'a', MINUTE_MS), 'lost', 'the extension');
    granted(await claimAs(other, id, 'b'));
    const running = { state: 'running', fingerprint: undefined };
    same(await claimAs(store, id, 'c'), running, 'the next one, who has no fingerprint');
  },

  'keeps attempts as long as it was told, however short an extension is': async ({ store }) => {
    const id = newId();
    await claimAs(store, id, 'a', { attemptTtlMs: 3 * MINUTE_MS });
    same(await store.extend(id, 'a', 1_000), 'held', 'the extension');
    const { createdAt, expiresAt } = (await store.get(id))!;
    holds(expiresAt.getTime() - createdAt.getTime() > 2 * MINUTE_MS, 'attempts are kept');
  },

  'counts its fence on over keys that were given back': async ({ store }) => {
    const id = newId();
    const { fence } = granted(await claimAs(store, id, 'a'));
    await store.release(id, 'a');
    holds(granted(await claimAs(store, id, 'b')).fence > fence, 'the fence grows');
  },

  'claims many in one step, and tells each what it is': async ({ store, other }) => {
    const [done, running, ...fresh] = Array.from({ length: 52 }, newId);
    await claimAs(other, done!, 'x');
    await other.settle({ ...requestFor(done, 'p'), token: 'x' }, 'reply', MINUTE_MS);
    await claimAs(other, running!, 'x', { fingerprint: 'q' });
    const requests = [done!, ...fresh, running!].map((id) => requestFor(id, 'mine'));
    const claims = await store.claimMany(requests, { token: 'a', lockTtlMs: MINUTE_MS });
    same(claims[0], { state: 'done', fingerprint: 'p', outcome: 'reply' }, 'the one that is done');
    same(claims[51], { state: 'running', fingerprint: 'q' }, 'the one that runs');
    for (const claim of claims.slice(1, 51)) granted(claim);
    same(await claimAs(other, fresh[7]!, 'b'), { state: 'running', fingerprint: 'mine' }, 'later');
  },

  'claims many without ever blocking those who ask in another order': async ({ store, other }) => {
    const requests = Array.from({ length: 40 }, () => requestFor());
    const reversed = [...requests].reverse();
    const terms = (token: string) => ({ token, lockTtlMs: MINUTE_MS });
    const [some, rest] = await Promise.all([
      store.claimMany(requests, terms('a')),
      other.claimMany(reversed, terms('b')),
    ]);
    rest.reverse();
    for (const [at, claim] of some.entries()) {
      const states = [claim.state, rest[at]!.state].sort();
      same(states, ['claimed', 'running'], `claim ${at}`);
    }
  },
};
