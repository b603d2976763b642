import type { SqlExecutor } from '@acme/nest-transaction';
import type { Claim, ClaimRequest, SqlIdempotencyStore } from '../core/store.js';
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
import type { SqlStoreContractFixture } from './contract.js';

type Cases = Record<string, (fixture: SqlStoreContractFixture) => Promise<void>>;

const ISOLATIONS = ['read committed', 'repeatable read', 'serializable'] as const;

/** Long enough that nobody reaches it who does not wait for another transaction. */
const AT_ONCE_MS = 2_000;

/** Claims in the transactions of others. */
export const transactionCases: Cases = {
  'claims with the commit, and is done from then on': async (fixture) => {
    const { store } = fixture;
    const request = requestFor(newId(), 'print');
    granted(await claimIn(fixture, request));
    const done = { state: 'done', fingerprint: 'print', outcome: undefined };
    same(await claimIn(fixture, request), done, 'in a later transaction');
    same(await claimAs(store, request.id, 'a'), done, 'by a lease');
  },

  'keeps the outcome that is settled in the same transaction': async (fixture) => {
    const request = requestFor();
    await fixture.transaction(async (sql) => {
      granted(await fixture.store.inTransaction.claim(sql, request, MINUTE_MS));
      await fixture.store.inTransaction.settle(sql, request.id, 'reply "ü"');
    });
    const claim = await claimIn(fixture, request);
    same(claim, { state: 'done', fingerprint: undefined, outcome: 'reply "ü"' }, 'the outcome');
  },

  'is gone with the rollback, and the next one may have it at once': async (fixture) => {
    const request = requestFor();
    await rolledBack(fixture, (sql) => fixture.store.inTransaction.claim(sql, request, MINUTE_MS));
    granted(await claimIn(fixture, request));
  },

  ...Object.fromEntries(
    ISOLATIONS.map((isolation) => [
      `answers "running" at once while another transaction has it, ${isolation}`,
      async (fixture: SqlStoreContractFixture) => {
        const { store } = fixture;
        const request = requestFor();
        await fixture.transaction(async (sql) => {
          granted(await store.inTransaction.claim(sql, request, MINUTE_MS));
          const began = performance.now();
          const claims = await Promise.all([
            claimIn(fixture, request, isolation),
            claimIn(fixture, request, isolation),
            claimAs(store, request.id, 'a'),
          ]);
          holds(performance.now() - began < AT_ONCE_MS, 'nobody waits for the transaction');
          for (const claim of claims)
            same(claim, { state: 'running', fingerprint: undefined }, 'a duplicate’s claim');
        }, isolation);
        same((await claimIn(fixture, request, isolation)).state, 'done', 'after the commit');
      },
    ]),
  ),

  'sees what was committed after its transaction had begun, or gives it up': async (fixture) => {
    for (const isolation of ISOLATIONS) {
      const request = requestFor();
      const late = fixture.transaction(async (sql) => {
        // A first statement takes the snapshot.
        await sql.query('select 1 as one');
        await claimIn(fixture, request);
        return fixture.store.inTransaction.claim(sql, request, MINUTE_MS);
      }, isolation);
      const answer = await late.catch((error: unknown) => {
        // A serialization failure: the caller begins anew.
        holds(
          /40001|serializ|deadlock|try restarting/i.test(textOf(error)),
          `${textOf(error)} may be retried`,
        );
        return { state: 'done' };
      });
      holds(answer.state !== 'claimed', `${isolation}: it is not claimed twice`);
    }
  },

  'lets one of many transactions have it': async (fixture) => {
    const request = requestFor();
    const claims = await Promise.all(
      Array.from({ length: 5 }, () =>
        fixture.transaction(async (sql) => {
          const claim = await fixture.store.inTransaction.claim(sql, request, MINUTE_MS);
          // Held until the others have had their answer.
          if (claim.state === 'claimed')
            await until(
              async () => (await claimAs(fixture.store, request.id, 'x')).state === 'running',
              'it is seen to run',
            );
          return claim.state;
        }),
      ),
    );
    same(claims.filter((state) => state === 'claimed').length, 1, 'how many have it');
  },

  'takes over what has expired, and what was given back': async (fixture) => {
    const { store } = fixture;
    const [expired, free] = [newId(), newId()];
    const { fence } = granted(await claimAs(store, expired, 'a', { lockTtlMs: 5 }));
    await claimAs(store, free, 'a', { attemptTtlMs: MINUTE_MS });
    await store.release(free, 'a', KEPT);
    await until(async () => (await store.get(expired)) === undefined, 'the lease expires');
    holds(granted(await claimIn(fixture, requestFor(expired))).fence > fence, 'the fence grows');
    granted(await claimIn(fixture, requestFor(free)));
  },

  'claims many in one step': async (fixture) => {
    const done = requestFor();
    await claimIn(fixture, done);
    const fresh = Array.from({ length: 40 }, () => requestFor());
    const requests = [fresh[0]!, done, ...fresh.slice(1)];
    const claims = await fixture.transaction((sql) =>
      fixture.store.inTransaction.claimMany(sql, requests, MINUTE_MS),
    );
    same(claims[1]!.state, 'done', 'the one that is done');
    same(claims.filter(({ state }) => state === 'claimed').length, 40, 'how many are new');
  },

  'counts attempts beside the transaction, unless somebody runs it or it is done': async (
    fixture,
  ) => {
    const { store } = fixture;
    const request = requestFor();
    await rolledBack(fixture, (sql) => store.inTransaction.claim(sql, request, MINUTE_MS));
    same(await store.countAttempt(request, MINUTE_MS), 2, 'the second attempt');
    await rolledBack(fixture, async (sql) => {
      const claim = granted(await store.inTransaction.claim(sql, request, MINUTE_MS));
      same(claim.attempt, 2, 'the attempt of the claim');
      same(await store.countAttempt(request, MINUTE_MS), undefined, 'while it runs');
    });
    same(await store.countAttempt(request, MINUTE_MS), 3, 'the third attempt');
    await claimIn(fixture, request);
    same(await store.countAttempt(request, MINUTE_MS), undefined, 'when it is done');
  },

  'takes back what was counted of an attempt, and the first one, which was not': async (
    fixture,
  ) => {
    const { store } = fixture;
    const request = requestFor();
    for (const round of ['first', 'second']) {
      await store.uncountAttempt(request, MINUTE_MS);
      same(await store.countAttempt(request, MINUTE_MS), 1, `the ${round} one in its place`);
    }
    same(await store.countAttempt(request, MINUTE_MS), 2, 'the one after one that counts');
    await rolledBack(fixture, async (sql) => {
      same(granted(await claimWith(store, sql, request)).attempt, 2, 'the attempt of the claim');
      await store.uncountAttempt(request, MINUTE_MS);
    });
    same((await store.get(request.id))?.attempt, 2, 'the count after one who was running');
    await claimIn(fixture, request);
    await store.uncountAttempt(request, MINUTE_MS);
    same((await store.get(request.id))?.state, 'done', 'what is done');
  },

  'counts no attempt of which that is said, where an old record has expired': async (fixture) => {
    const { store } = fixture;
    const request = requestFor();
    await fixture.transaction((sql) => store.inTransaction.claim(sql, request, 5));
    await until(async () => (await store.get(request.id)) === undefined, 'it expires');
    for (let time = 0; time < 2; time += 1) await store.uncountAttempt(request, MINUTE_MS);
    same(await store.countAttempt(request, MINUTE_MS), 1, 'the one in its place');
  },

  'begins to count with the second attempt where an old record has expired': async (fixture) => {
    const { store } = fixture;
    const request = requestFor();
    await fixture.transaction((sql) => store.inTransaction.claim(sql, request, 5));
    await until(async () => (await store.get(request.id)) === undefined, 'it expires');
    same(await store.countAttempt(request, MINUTE_MS), 2, 'the second attempt');
  },

  'remembers attempts anew from one that is not to count': async (fixture) => {
    const { store } = fixture;
    const request = requestFor();
    await store.countAttempt(request, 1_000);
    const before = (await store.get(request.id))!.expiresAt;
    await store.uncountAttempt(request, MINUTE_MS);
    const after = (await store.get(request.id))!.expiresAt;
    holds(after.getTime() - before.getTime() > 30_000, 'it is kept longer');
  },

  'leaves a claim of an open transaction alone': async (fixture) => {
    const { store } = fixture;
    const request = requestFor();
    await fixture.transaction(async (sql) => {
      granted(await store.inTransaction.claim(sql, request, MINUTE_MS));
      same(await store.remove(request.id, 'done'), false, 'the removal');
      same(await store.get(request.id), undefined, 'what is seen');
    });
    same((await store.get(request.id))?.state, 'done', 'after the commit');
  },
};

const claimWith = (
  store: SqlIdempotencyStore,
  sql: SqlExecutor,
  request: ClaimRequest,
): Promise<Claim> => store.inTransaction.claim(sql, request, MINUTE_MS);

const claimIn = (
  fixture: SqlStoreContractFixture,
  request: ClaimRequest,
  isolation?: (typeof ISOLATIONS)[number],
): Promise<Claim> =>
  fixture.transaction(
    (sql) => fixture.store.inTransaction.claim(sql, request, MINUTE_MS),
    isolation,
  );

async function rolledBack(
  fixture: SqlStoreContractFixture,
  work: (sql: SqlExecutor) => Promise<unknown>,
): Promise<void> {
  const undo = new Error('rolled back on purpose');
  await fixture
    .transaction(async (sql) => {
      await work(sql);
      throw undo;
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error;
    });
}

const textOf = (error: unknown): string => {
  const { message, code, cause } = error as { message?: string; code?: unknown; cause?: unknown };
  return `${String(code)} ${message}${cause ? ` ${textOf(cause)}` : ''}`;
};
