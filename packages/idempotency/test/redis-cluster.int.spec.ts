import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Module } from '@nestjs/common';
import {
  openContext,
  startRedisCluster,
  testDatabase,
  type RedisCluster,
  type TestDatabase,
} from '@acme/internal-testing';
import {
  IdempotencyInfo,
  IdempotencyModule,
  IdempotencyService,
  RedisIdempotencyStore,
} from '@acme/nest-idempotency';
import { storeContract, type StoreContractFixture } from '@acme/nest-idempotency/testing';
import { itPasses } from '@acme/internal-testing/contracts';
import { Cluster } from 'ioredis';
import { createCluster } from 'redis';
import { beforeAll, describe, expect, it } from 'vitest';
import { chargesOf, createCharges } from './support/ledger.js';

let cluster: RedisCluster;
let database: TestDatabase;

beforeAll(async () => {
  // Of three masters without replicas, one that comes back has only what is on its disk.
  const settings = { appendonly: 'yes', appendfsync: 'always', 'cluster-node-timeout': '1000' };
  [cluster, database] = await Promise.all([startRedisCluster({ settings }), testDatabase()]);
  await createCharges(database);
});

const libraries = {
  ioredis: async () => {
    const client = new Cluster([...cluster.urls]);
    client.on('error', () => {});
    return { client, close: () => client.disconnect() };
  },
  'node-redis': async () => {
    const client = createCluster({ rootNodes: cluster.urls.map((url) => ({ url })) });
    client.on('error', () => {});
    await client.connect();
    return { client, close: () => client.destroy() };
  },
};

describe.each(['ioredis', 'node-redis'] as const)(
  'a Redis Cluster of three nodes, %s',
  (library) => {
    let stores: RedisIdempotencyStore[];
    let fixture: StoreContractFixture;

    beforeAll(async () => {
      const opened = await Promise.all(Array.from({ length: 4 }, () => libraries[library]()));
      const prefix = `${randomUUID()}:`;
      const storeOn = (at: number, subscriber: number): RedisIdempotencyStore =>
        new RedisIdempotencyStore(opened[at]!.client as never, {
          prefix,
          subscriber: opened[subscriber]!.client as never,
        });
      stores = [storeOn(0, 1), storeOn(2, 3)];
      fixture = { store: stores[0]!, other: stores[1]! };
      return () => opened.forEach(({ close }) => close());
    });

    itPasses(storeContract(() => fixture));

    const open = async () => {
      const services = await Promise.all(
        stores.map(async (store) => {
          @Module({
            imports: [
              IdempotencyModule.forRoot({ namespace: 'cluster', store, waitTimeout: '30s' }),
            ],
          })
          class Clustered {}
          return (await openContext(Clustered)).app.get(IdempotencyService);
        }),
      );
      return (order: string, n: number): Promise<string> =>
        services[n % services.length]!.run(
          order,
          async () => {
            const { id } = IdempotencyInfo.current()!;
            await database.pool.query('insert into charges (order_id) values ($1)', [order]);
            return id;
          },
          { name: `charge ${library}` },
        );
    };

    it('has one effect for 100 duplicates at once, wherever the key is', async () => {
      const charge = await open();
      const orders = Array.from({ length: 6 }, () => randomUUID());
      for (const order of orders) {
        const replies = await Promise.all(Array.from({ length: 100 }, (_, n) => charge(order, n)));
        expect(new Set(replies).size).toBe(1);
        expect(await chargesOf(database, order)).toBe(1);
      }
    });

    it('repeats nothing although a node is killed and comes back', async () => {
      const charge = await open();
      const orders = Array.from({ length: 60 }, () => randomUUID());
      const before = orders.slice(0, 30);
      await Promise.all(before.map((order) => charge(order, 0)));
      await cluster.nodes[1]!.kill('SIGKILL');
      const during = await Promise.allSettled(orders.map((order, n) => charge(order, n)));
      // Those of the other nodes go on, or are refused for the while that the cluster is not whole. None runs unprotected.
      const refusals = during.flatMap((one) =>
        one.status === 'rejected' ? [(one.reason as { code: unknown }).code] : [],
      );
      expect(new Set(refusals)).toEqual(new Set(['IDEMPOTENCY_STORE_UNAVAILABLE']));
      await cluster.nodes[1]!.restart();
      await cluster.untilWell();
      const all = await Promise.all(orders.map((order, n) => charge(order, n + 1)));
      expect(new Set(all).size).toBe(orders.length);
      for (const order of orders) expect(await chargesOf(database, order)).toBe(1);
    });
  },
);
