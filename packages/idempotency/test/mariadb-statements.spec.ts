import { MariaDbIdempotencyStore } from '@acme/nest-idempotency';
import { describe, expect, it } from 'vitest';

interface Asked {
  readonly sql: string;
  readonly params: readonly unknown[];
}

/** A store on a database that fails so often, and what it was asked. */
const storeThatFails = (times: number, errno: number) => {
  const asked: Asked[] = [];
  const query = async (sql: string, params: readonly unknown[] = []) => {
    asked.push({ sql, params });
    if (asked.length <= times)
      throw Object.assign(new Error('undone'), {
        errno,
        sqlState: errno === 1213 ? '40001' : 'HY000',
      });
    const found = { state: 'running', token: 'token', fence: '7', attempt: 1, late: 0 };
    return { rows: [{ id, ...found }] as never[], rowCount: 1 };
  };
  const store = new MariaDbIdempotencyStore({ database: { dialect: 'mysql', query } });
  return { store, asked };
};

const id = 'ab'.repeat(32);
const terms = { token: 'token', lockTtlMs: 1_000 };
const request = { id, name: 'job', fingerprint: undefined, ...terms };

describe('MariaDbIdempotencyStore', () => {
  it.each([
    ['a deadlock', 1213],
    ['a record that is newer than the snapshot', 1020],
  ])('claims a lease that %s has undone up to five times', async (_, errno) => {
    const { store } = storeThatFails(4, errno);
    expect(await store.claim(request)).toEqual({ state: 'claimed', fence: 7, attempt: 1 });
    const { store: worse, asked } = storeThatFails(5, errno);
    await expect(worse.claim(request)).rejects.toThrow('undone');
    expect(asked).toHaveLength(5);
  });

  it('repeats no claim for another reason', async () => {
    const { store, asked } = storeThatFails(1, 1064);
    await expect(store.claim(request)).rejects.toThrow('undone');
    expect(asked).toHaveLength(1);
  });

  it('keeps nothing beyond the last year that a date can have', async () => {
    const { store, asked } = storeThatFails(0, 0);
    await store.claim({ ...request, lockTtlMs: Number.MAX_SAFE_INTEGER });
    const [{ params } = { params: [] }] = asked;
    expect(params.filter((one) => typeof one === 'number')).toEqual([
      365_000 * 86_400_000,
      365_000 * 86_400_000,
    ]);
  });

  it('asks for many in one order, whatever order they come in', async () => {
    const ids = ['cc', 'aa', 'bb'].map((byte) => byte.repeat(32));
    const orders = await Promise.all(
      [ids, ids.toReversed()].map(async (some) => {
        const { store, asked } = storeThatFails(0, 0);
        await store.claimMany(
          some.map((one) => ({ ...request, id: one })),
          terms,
        );
        return asked[0]!.params
          .filter((one) => Buffer.isBuffer(one))
          .map((one) => one.toString('hex'));
      }),
    );
    expect(orders).toEqual([ids.toSorted(), ids.toSorted()]);
  });

  it('purges a whole number of records', async () => {
    const { store, asked } = storeThatFails(0, 0);
    await store.purge(2.7);
    expect(asked[0]!.sql).toMatch(/limit 2\s/);
  });
});
