import assert from 'node:assert/strict';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Outbox,
  OutboxModule,
  OutboxTransactionRequiredError,
  type NewMessage,
  type OutboxStore,
} from '@acme/nest-outbox';
import { TransactionModule, Transactions, type TransactionAdapter } from '@acme/nest-transaction';

const adapter: TransactionAdapter = {
  library: 'none',
  dialect: 'postgres',
  transaction: (work) => work({}),
  sql: () => ({ dialect: 'postgres', query: async () => ({ rows: [], rowCount: 0 }) }),
};

const added: string[] = [];
// As much of a store as adding needs: no relay runs here.
const store = {
  prepare: async () => undefined,
  insert: async (_: unknown, messages: readonly NewMessage[]) => {
    added.push(...messages.map(({ type }) => type));
  },
};

@Module({
  imports: [
    TransactionModule.forRoot({ adapter }),
    OutboxModule.forRoot({ store: store as unknown as OutboxStore, relay: { mode: 'off' } }),
  ],
})
class AppModule {}

/** An event is taken inside a transaction, and refused outside of one. */
export async function smoke(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
  const outbox = app.get(Outbox);
  const event = { type: 'order.placed.v1', payload: { id: 1 } };
  await app.get(Transactions).run(() => outbox.add(event));
  await assert.rejects(outbox.add(event), OutboxTransactionRequiredError);
  await app.close();
  assert.deepEqual(added, ['order.placed.v1']);
}
