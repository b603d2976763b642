import 'reflect-metadata';
import { openContext } from '@acme/internal-testing';
import { AttemptStore, type AttemptKey } from '@acme/nest-message-context';
import { Global, Injectable, Module, Optional } from '@nestjs/common';
import { expect, it } from 'vitest';

@Injectable()
class Counting extends AttemptStore {
  readonly label = 'tests';
  readonly volatile = false;
  readonly #begun = new Map<string, number>();

  async crashes(key: AttemptKey): Promise<number> {
    return this.#begun.get(JSON.stringify(key)) ?? 0;
  }

  async begin(key: AttemptKey): Promise<void> {
    this.#begun.set(JSON.stringify(key), (await this.crashes(key)) + 1);
  }

  async end(key: AttemptKey): Promise<void> {
    this.#begun.delete(JSON.stringify(key));
  }
}

@Injectable()
class Guard {
  constructor(@Optional() readonly attempts?: AttemptStore) {}
}

@Module({ providers: [Guard] })
class GuardModule {}

@Global()
@Module({ providers: [{ provide: AttemptStore, useClass: Counting }], exports: [AttemptStore] })
class StoreModule {}

it('is provided under its class by whoever has one, to whoever asks, who can do without', async () => {
  @Module({ imports: [GuardModule, StoreModule] })
  class WithStore {}
  const having = await openContext(WithStore);
  const { attempts } = having.app.get(Guard, { strict: false });
  const key = { queue: 'orders', messageId: 'm-1' };
  await attempts!.begin(key);
  await expect(attempts!.crashes(key)).resolves.toBe(1);
  await attempts!.end(key);
  await expect(attempts!.crashes({ ...key })).resolves.toBe(0);
  await having.close();

  const { app, close } = await openContext(GuardModule);
  expect(app.get(Guard).attempts).toBeUndefined();
  await close();
});
