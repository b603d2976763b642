import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { openContext } from '@acme/internal-testing';
import {
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
} from '@acme/nest-idempotency';
import { TransactionModule, type TransactionAdapter } from '@acme/nest-transaction';
import { expect, it } from 'vitest';

/** Claims find a record that is done; the connection is lost while the transaction ends. */
const losing: TransactionAdapter & { losesCommits: boolean } = {
  losesCommits: false,
  library: 'none',
  dialect: 'postgres',
  async transaction(work) {
    const result = await work({});
    if (this.losesCommits) throw Object.assign(new Error('lost'), { code: 'ECONNRESET' });
    return result;
  },
  sql: () => ({
    dialect: 'postgres',
    query: async <Row>(sql: string) => {
      const found = { present: true, version: 1_000, fingerprint: null, outcome: null };
      const rows = sql.includes('insert') ? [] : [{ ...found, expired: false } as Row];
      return { rows, rowCount: rows.length };
    },
  }),
};

it('has run nothing where it has only looked, however the transaction has ended', async () => {
  const store = new PostgresIdempotencyStore();
  @Module({
    imports: [
      TransactionModule.forRoot({ adapter: losing }),
      IdempotencyModule.forRoot({ namespace: 'x', store }),
    ],
  })
  class App {}
  const { app } = await openContext(App);
  losing.losesCommits = true;
  const looking = app.get(IdempotencyService).run('k', async () => 1, { name: 'n' });
  await expect(looking).rejects.toMatchObject({
    code: 'IDEMPOTENCY_STORE_UNAVAILABLE',
    cause: { code: 'TRANSACTION_OUTCOME_UNKNOWN' },
  });
});
