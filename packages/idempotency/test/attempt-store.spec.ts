import 'reflect-metadata';
import { openContext } from '@acme/internal-testing';
import { IdempotencyModule, InMemoryIdempotencyStore } from '@acme/nest-idempotency';
import { AttemptStore } from '@acme/nest-message-context';
import { Injectable, Module, Optional } from '@nestjs/common';
import { expect, it } from 'vitest';

@Injectable()
class Guard {
  constructor(@Optional() readonly attempts?: AttemptStore) {}
}

@Module({ providers: [Guard] })
class GuardModule {}

const KEY = { queue: 'orders', messageId: 'm-1' };

it('is there for whoever guards a consumer, in the store that handlers have who name none', async () => {
  const [store, another] = [new InMemoryIdempotencyStore(), new InMemoryIdempotencyStore()];
  @Module({
    imports: [
      GuardModule,
      IdempotencyModule.forRoot({ namespace: 'tests', store, stores: { another } }),
    ],
  })
  class AppModule {}
  const { app, close } = await openContext(AppModule);
  const { attempts } = app.get(Guard, { strict: false });
  expect(attempts).toMatchObject({ label: 'memory', volatile: true });
  await attempts!.begin(KEY);
  await expect(attempts!.crashes(KEY)).resolves.toBe(1);
  expect([store.size, another.size]).toEqual([1, 0]);
  await attempts!.end(KEY);
  expect(store.size).toBe(0);
  await close();
});
