import { PostgresIdempotencyStore } from '@acme/nest-idempotency';
import type { SqlStoreContractFixture, StoreContractFixture } from '@acme/nest-idempotency/testing';
import { sqlOf } from '@acme/nest-transaction';
import pg from 'pg';

/** What the contract suites need of PostgreSQL: two stores on connections of their own that share their records. */
export async function postgresFixture({
  pool,
  url,
  schema,
  listenTo = url,
}: {
  readonly pool: pg.Pool;
  readonly url: string;
  readonly schema: string;
  readonly listenTo?: string;
}) {
  const listen = async (): Promise<pg.Client> => {
    const client = new pg.Client(listenTo);
    await client.connect();
    return client;
  };
  const second = new pg.Pool({ connectionString: url, max: 5 });
  const store = new PostgresIdempotencyStore({ database: pool, schema, listen });
  const other = new PostgresIdempotencyStore({ database: second, schema, listen });
  await store.migrate();
  const fixture: StoreContractFixture & SqlStoreContractFixture = {
    store,
    other,
    transaction: async (work, isolation) => {
      const client = await second.connect();
      try {
        await client.query(`begin${isolation ? ` isolation level ${isolation}` : ''}`);
        const result = await work(sqlOf(client));
        await client.query('commit');
        return result;
      } catch (error) {
        await client.query('rollback');
        throw error;
      } finally {
        client.release();
      }
    },
  };
  const close = (): Promise<unknown> =>
    Promise.all([store.close?.(), other.close?.(), second.end()]);
  return { fixture, close };
}
