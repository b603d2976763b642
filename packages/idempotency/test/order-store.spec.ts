import 'reflect-metadata';
import { openContext } from '@acme/internal-testing';
import { IdempotencyModule, InMemoryIdempotencyStore } from '@acme/nest-idempotency';
import { OrderStore } from '@acme/nest-message-context';
import { Injectable, Module, Optional } from '@nestjs/common';
import { expect, it, vi } from 'vitest';

@Injectable()
class Keeper {
  constructor(@Optional() readonly order?: OrderStore) {}
}

@Module({ providers: [Keeper] })
class KeeperModule {}

const KEY = { queue: 'orders', key: 'o-1' };

it('is there for whoever keeps order, in the store that handlers have who name none', async () => {
  let now = 0;
  const [store, another] = [
    new InMemoryIdempotencyStore(() => now),
    new InMemoryIdempotencyStore(),
  ];
  @Module({
    imports: [
      KeeperModule,
      IdempotencyModule.forRoot({ namespace: 'tests', store, stores: { another } }),
    ],
  })
  class AppModule {}
  const { app, close } = await openContext(AppModule);
  const { order } = app.get(Keeper, { strict: false });
  expect(order).toMatchObject({ label: 'memory', volatile: true });
  await expect(order!.read(KEY)).resolves.toBeUndefined();
  await order!.write(KEY, 'one', 1_000);
  await order!.write(KEY, 'two', 1_000);
  await expect(order!.read(KEY)).resolves.toBe('two');
  // Another key, and the same key of another queue.
  for (const other of [
    { ...KEY, key: 'o-2' },
    { ...KEY, queue: 'o' },
  ])
    await expect(order!.read(other)).resolves.toBeUndefined();
  expect([store.size, another.size]).toEqual([1, 0]);
  await order!.forget(KEY);
  await order!.forget(KEY);
  expect(store.size).toBe(0);
  vi.spyOn(store, 'settle').mockResolvedValueOnce('lost');
  await expect(order!.write(KEY, 'lost', 1_000)).rejects.toThrow(
    'memory has not kept the order of orders',
  );
  await order!.write(KEY, 'three', 1_000);
  now += 1_001;
  await expect(order!.read(KEY)).resolves.toBeUndefined();
  await close();
});
