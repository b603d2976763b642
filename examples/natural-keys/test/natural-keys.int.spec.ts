import { closeFixtures, testDatabase, waitFor, type TestDatabase } from '@acme/internal-testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { paymentTable, recordPayment, recordPaymentNaively } from '../src/payments.js';
import { applyRename, profileTable } from '../src/profiles.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await database.pool.query(paymentTable);
  await database.pool.query(profileTable);
});

afterAll(closeFixtures);

beforeEach(() => database.pool.query('truncate payment, profile'));

const count = async (table: string): Promise<number> =>
  Number(
    (await database.pool.query<{ count: string }>(`select count(*) from ${table}`)).rows[0]?.count,
  );

const isWaitingForALock = async (): Promise<boolean> => {
  const { rows } = await database.pool.query(
    `select 1 from pg_locks where not granted and pid <> pg_backend_pid() and locktype = 'transactionid'`,
  );
  return rows.length > 0;
};

describe('a natural key', () => {
  it('records one payment for twenty simultaneous deliveries, and tells exactly one of them so', async () => {
    const deliveries = Array.from({ length: 20 }, async () => {
      const client = await database.pool.connect();
      try {
        return await recordPayment(client, { id: 'receipt-1', orderId: 'order-1', amount: 5 });
      } finally {
        client.release();
      }
    });
    const outcomes = await Promise.all(deliveries);
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    expect(await count('payment')).toBe(1);
  });

  it('beats asking first: two transactions both see nothing, and the second one fails', async () => {
    const receipt = { id: 'receipt-1', orderId: 'order-1', amount: 5 };
    const [first, second] = [await database.pool.connect(), await database.pool.connect()];
    try {
      await first.query('begin');
      await second.query('begin');
      expect(await recordPaymentNaively(first, receipt)).toBe(true);
      const other = recordPaymentNaively(second, receipt).catch(
        (error: { code: string }) => error.code,
      );
      await waitFor(isWaitingForALock, { what: 'the second insert to wait for the first' });
      await first.query('commit');
      expect(await other).toBe('23505');
      await second.query('rollback');
    } finally {
      first.release();
      second.release();
    }
  });
});

describe('an upsert by version', () => {
  it('ends with the newest state in whatever order events arrive, repeated or not', async () => {
    const events = [3, 1, 2, 3, 1].map((version) => ({
      userId: 'u',
      name: `name ${version}`,
      version,
    }));
    const client = await database.pool.connect();
    try {
      const news: boolean[] = [];
      for (const event of events) news.push(await applyRename(client, event));
      expect(news).toEqual([true, false, false, false, false]);
      const { rows } = await client.query('select name, version from profile');
      expect(rows).toEqual([{ name: 'name 3', version: 3 }]);
    } finally {
      client.release();
    }
  });
});
