import { randomBytes } from 'node:crypto';
import type { OutboxStoreFixture } from '@acme/nest-outbox/testing';
import type { OutboxStore } from '@acme/nest-outbox';
import { mysqlErrnoOf, type SqlExecutor, type TransactionAdapter } from '@acme/nest-transaction';

/** What the store contract needs of a database. */
export interface StoreDatabase {
  readonly adapter: TransactionAdapter;
  readonly one: SqlExecutor;
  readonly other: SqlExecutor;
  /** Schemas are named after it. */
  readonly name: string;
  store(database: SqlExecutor, schema: string): OutboxStore;
  skipTo(table: string, seq: number): string;
}

/** An outbox in a schema of its own for every case. */
export const storeFixture =
  (database: () => StoreDatabase) =>
  async (lanes: number): Promise<OutboxStoreFixture> => {
    const { adapter, one, other, name, ...given } = database();
    const schema = `${name}_${randomBytes(4).toString('hex')}`;
    await one.query(`create schema ${schema}`);
    const [store, second] = [given.store(one, schema), given.store(other, schema)];
    await store.prepare(lanes);
    await second.prepare(lanes);
    return {
      store,
      other: second,
      transaction: (work) =>
        untilSerial(() => adapter.transaction((handle) => work(adapter.sql(handle)), {})),
      skipTo: async (seq) => {
        await one.query(given.skipTo(`${schema}.outbox_messages`, seq));
      },
      close: async () => {
        const cascade = one.dialect === 'postgres' ? ' cascade' : '';
        await one.query(`drop schema ${schema}${cascade}`);
      },
    };
  };

/** As `Transactions.run()` does: what MariaDB undoes as not serializable is done once more. */
async function untilSerial<R>(transaction: () => Promise<R>): Promise<R> {
  for (;;) {
    try {
      return await transaction();
    } catch (error) {
      if (mysqlErrnoOf(error) !== 1020) throw error;
    }
  }
}
