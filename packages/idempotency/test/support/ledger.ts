import type { TestDatabase } from '@acme/internal-testing';
import { Inject, Injectable } from '@nestjs/common';
import { Transactions } from '@acme/nest-transaction';
import type { PoolClient } from 'pg';

/** The effect that the tests count: rows in a table, written in the transaction that is open. */
@Injectable()
export class Ledger {
  constructor(@Inject(Transactions) private readonly transactions: Transactions) {}

  async charge(order: string): Promise<void> {
    await this.transactions
      .current<PoolClient>()
      .query('insert into charges (order_id) values ($1)', [order]);
  }
}

export async function createCharges({ pool }: TestDatabase): Promise<void> {
  await pool.query('create table charges (id serial primary key, order_id text not null)');
}

export async function chargesOf({ pool }: TestDatabase, order: string): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    'select count(*)::integer as count from charges where order_id = $1',
    [order],
  );
  return rows[0]!.count;
}

/** A moment that a handler waits for and a test decides about. */
export class Gate {
  #open!: () => void;
  readonly passed = new Promise<void>((done) => (this.#open = done));

  open(): void {
    this.#open();
  }
}
