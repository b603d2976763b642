import 'reflect-metadata';
import { Outbox, OutboxEvents, OutboxModule, type OutboxActivity } from '@acme/nest-outbox';
import { openContext } from '@acme/internal-testing';
import { TransactionModule, type TransactionAdapter } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { expect, it } from 'vitest';
import { inertStore } from './support/inert-store.js';
import { noAdapter } from './support/parts.js';

it('joins a transaction that the library itself has opened, whose commit nobody sees', async () => {
  let open: object | undefined;
  const adapter: TransactionAdapter = { ...noAdapter, ambient: () => open };
  const store = inertStore();
  @Module({
    imports: [
      TransactionModule.forRoot({ adapter }),
      OutboxModule.forRoot({ store, relay: { mode: 'off' } }),
    ],
  })
  class AppModule {}
  const { app, close } = await openContext(AppModule);
  const told: OutboxActivity[] = [];
  app.get(OutboxEvents).events$.subscribe((event) => told.push(event));
  open = {};
  await app.get(Outbox).add({ type: 'a', payload: 1 });
  expect(store.messages).toHaveLength(1);
  expect(told).toMatchObject([{ type: 'added', count: 1, committed: false }]);
  await close();
});
