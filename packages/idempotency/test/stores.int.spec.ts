import 'reflect-metadata';
import { testDatabase, testRedis } from '@acme/internal-testing';
import { RedisIdempotencyStore } from '@acme/nest-idempotency';
import {
  sqlStoreContract,
  storeContract,
  type SqlStoreContractFixture,
  type StoreContractFixture,
} from '@acme/nest-idempotency/testing';
import { itPasses } from '@acme/internal-testing/contracts';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe } from 'vitest';
import { postgresFixture } from './support/postgres-fixture.js';

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
    ({ fixture, close } = await postgresFixture(await testDatabase()));
  });
  afterAll(() => close());

  itPasses(storeContract(() => fixture));
  itPasses(sqlStoreContract(() => fixture));
});
