import 'reflect-metadata';
import { PGlite, type Transaction } from '@electric-sql/pglite';
import { Module } from '@nestjs/common';
import { openContext } from '@acme/internal-testing';
import {
  IdempotencyModule,
  IdempotencyService,
  PostgresIdempotencyStore,
} from '@acme/nest-idempotency';
import { storeContract } from '@acme/nest-idempotency/testing';
import { fromPglite, TransactionModule, Transactions } from '@acme/nest-transaction';
import { itPasses } from '@acme/internal-testing/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe('PostgresIdempotencyStore in PGlite', () => {
  let pglite: PGlite;
  let store: PostgresIdempotencyStore;

  beforeAll(async () => {
    pglite = await PGlite.create();
    store = new PostgresIdempotencyStore({ database: pglite });
    await store.migrate();
  });
  afterAll(() => pglite.close());

  itPasses(storeContract(() => ({ store, other: store })));

  it('claims in its transactions: once, or not at all', async () => {
    await pglite.query('create table charge (id text primary key)');
    @Module({
      imports: [
        TransactionModule.forRoot({ adapter: fromPglite(pglite) }),
        IdempotencyModule.forRoot({
          namespace: 'pglite',
          store: new PostgresIdempotencyStore(),
          migrate: true,
        }),
      ],
    })
    class Billing {}
    const { app } = await openContext(Billing);
    const transactions = app.get<Transactions<Transaction>>(Transactions);
    const charge = (fail: boolean): Promise<string> =>
      app.get(IdempotencyService).run(
        'k',
        async () => {
          await transactions.current().query('insert into charge (id) values ($1)', ['k']);
          if (fail) throw new Error('after the effect');
          return 'charged';
        },
        { name: 'charge' },
      );
    await expect(charge(true)).rejects.toThrow('after the effect');
    expect(await Promise.all([charge(false), charge(false)])).toEqual(['charged', 'charged']);
    const { rows } = await pglite.query('select id from charge');
    expect(rows).toHaveLength(1);
  });
});
