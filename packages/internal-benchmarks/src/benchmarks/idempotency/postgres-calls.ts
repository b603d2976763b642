import { createHash } from 'node:crypto';
import type { Transactions } from '@acme/nest-transaction';
import type pg from 'pg';
import type { OurService } from './our-service.js';

/** What the business does, with the reply it gives. */
const pay = async (client: pg.ClientBase, reference: string): Promise<{ id: string }> => {
  const { rows } = await client.query<{ id: string }>(
    'insert into payment (reference, amount) values ($1, $2) returning id',
    [reference, 129],
  );
  return rows[0]!;
};

/** The business transaction and nothing else. */
export const bareCall = (pool: pg.Pool) => (key: string) =>
  inTransaction(pool, (client) => pay(client, key));

/**
 * The snippet of the seed document, as it stands there: have we seen it? return; otherwise, in a transaction, insert the id and
 * do the business.
 */
export const snippetCall = (pool: pg.Pool) => async (key: string) => {
  const { rows } = await pool.query<{ seen: boolean }>(
    'select exists(select 1 from processed_event where id = $1) as seen',
    [key],
  );
  if (rows[0]!.seen) return undefined;
  return inTransaction(pool, async (client) => {
    await client.query('insert into processed_event (id) values ($1)', [key]);
    return pay(client, key);
  });
};

/**
 * The least that a claim in the business transaction can be: one statement, in which a duplicate does not wait for the first one.
 * What ours costs beyond it is ours; what it costs itself is PostgreSQL's.
 */
export const claimByHand = (pool: pg.Pool) => (key: string) =>
  inTransaction(pool, async (client) => {
    const id = createHash('sha256').update(key).digest();
    await client.query(
      `insert into claim_by_hand (id, expires_at)
       select $1, now() + interval '1 day' where pg_try_advisory_xact_lock($2)
       on conflict (id) do nothing returning 1`,
      [id, String(id.readBigInt64BE())],
    );
    return pay(client, key);
  });

/** The same business under our protection: as an event, with nothing to reply, and as a request. */
export function ourCalls({ service, transactions }: OurService) {
  const client = (): pg.PoolClient => (transactions as Transactions).current<pg.PoolClient>();
  return {
    silent: (key: string) =>
      service.run(key, async () => void (await pay(client(), key)), { name: 'silent' }),
    replying: (key: string) => service.run(key, () => pay(client(), key), { name: 'replying' }),
  };
}

async function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}
