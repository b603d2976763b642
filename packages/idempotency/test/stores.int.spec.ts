import 'reflect-metadata';
import { testDatabase, testRedis } from '@acme/internal-testing';
import { PostgresIdempotencyStore, RedisIdempotencyStore } from '@acme/nest-idempotency';
import {
  sqlStoreContract,
  storeContract,
  type SqlStoreContractFixture,
  type StoreContractFixture,
} from '@acme/nest-idempotency/testing';
import { sqlOf } from '@acme/nest-transaction';
import pg from 'pg';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe } from 'vitest';
import { itPasses } from './support/it-passes.js';

describe('RedisIdempotencyStore, ioredis', () => {
  let fixture: StoreContractFixture;

  beforeAll(async () => {
    const { client, prefix } = await testRedis();
    const subscriber = client.duplicate();
    fixture = {
      store: new RedisIdempotencyStore(client, { prefix, subscriber }),
      other: new RedisIdempotencyStore(client, { prefix, subscriber }),
    };
    return () => subscriber.disconnect();
  });

  itPasses(storeContract(() => fixture));
});

describe('RedisIdempotencyStore, node-redis', () => {
  let fixture: StoreContractFixture;
  const clients: { destroy(): void }[] = [];

  const connected = async (url: string) => {
    const client = createClient({ url });
    clients.push(client);
    await client.connect();
    return client;
  };

  beforeAll(async () => {
    const { url, prefix } = await testRedis();
    const [client, other, subscriber] = await Promise.all([url, url, url].map(connected));
    fixture = {
      store: new RedisIdempotencyStore(client!, { prefix, subscriber }),
      other: new RedisIdempotencyStore(other!, { prefix, subscriber }),
    };
  });
  afterAll(() => clients.forEach((client) => client.destroy()));

  itPasses(storeContract(() => fixture));
});

describe('PostgresIdempotencyStore', () => {
  let fixture: StoreContractFixture & SqlStoreContractFixture;
  let close: () => Promise<unknown>;

  beforeAll(async () => {
    const { pool, url, schema } = await testDatabase();
    const listen = async (): Promise<pg.Client> => {
      const client = new pg.Client(url);
      await client.connect();
      return client;
    };
    const second = new pg.Pool({ connectionString: url, max: 5 });
    const store = new PostgresIdempotencyStore({ database: pool, schema, listen });
    const other = new PostgresIdempotencyStore({ database: second, schema, listen });
    await store.migrate();
    close = () => Promise.all([store.close?.(), other.close?.(), second.end()]);
    fixture = {
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
  });
  afterAll(() => close());

  itPasses(storeContract(() => fixture));
  itPasses(sqlStoreContract(() => fixture));
});
