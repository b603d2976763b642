import { type Address, addressOf, testDatabase, testMariaDatabase } from '@acme/internal-testing';
import {
  sqlOf,
  type TransactionAdapter,
  transactionAware,
  Transactions,
} from '@acme/nest-transaction';
import {
  prepareTransactionContract,
  transactionContract,
  type TransactionContractFeatures,
  type TransactionContractFixture,
} from '@acme/nest-transaction/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** How a spec opens its library on a prepared, empty schema. */
export interface LibraryUnderTest<Handle> {
  readonly adapter: TransactionAdapter<Handle>;
  insert(handle: Handle, id: string): Promise<unknown>;
  /** The client that user code would inject, where the transaction's handle can stand in for it. */
  readonly client?: object;
  close(): Promise<unknown>;
}

export const POOL_SIZE = 5;

export interface PostgresAddress extends Address {
  readonly schema: string;
}

export function describePostgres<Handle>(
  library: string,
  open: (address: PostgresAddress) => Promise<LibraryUnderTest<Handle>>,
  features: Partial<TransactionContractFeatures> = {},
): void {
  describeLibrary(library, { dialect: 'postgres', ...features }, async () => {
    const { url, schema, pool } = await testDatabase();
    const outside = sqlOf(pool);
    await prepareTransactionContract(outside);
    return {
      outside,
      poolSize: POOL_SIZE,
      ...(await open({ ...addressOf(url), schema })),
    };
  });
}

export function describeMaria<Handle>(
  library: string,
  open: (address: Address) => Promise<LibraryUnderTest<Handle>>,
): void {
  describeLibrary(library, { dialect: 'mysql' }, async () => {
    const { url, pool } = await testMariaDatabase();
    const outside = sqlOf(pool);
    await prepareTransactionContract(outside);
    return { outside, poolSize: POOL_SIZE, ...(await open(addressOf(url))) };
  });
}

export function describeLibrary<Handle>(
  library: string,
  features: TransactionContractFeatures,
  open: () => Promise<
    TransactionContractFixture<Handle> & { readonly client?: object; close(): unknown }
  >,
): void {
  describe(`${library} keeps the contract: it`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.close());
    const fixture = () => opened as TransactionContractFixture;
    it.each(transactionContract(fixture, features))('$name', async ({ run }) => {
      const broken: unknown = await run().then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(broken).toBeUndefined();
    });

    it('takes part through a transaction-aware client, where there can be one', async () => {
      const { adapter, client, insert, outside } = opened;
      const transactions = new Transactions({
        name: 'default',
        adapter: adapter as TransactionAdapter,
        onCallbackError: () => undefined,
      });
      // Libraries whose handle is no client (Sequelize) or which need none (MikroORM) have nothing to stand in for.
      const aware = client ? (transactionAware(transactions, client) as Handle) : undefined;
      const add = (id: string) => insert(aware ?? transactions.current<Handle>(), id);
      const failed = transactions.run(async () => {
        await add('aware inside');
        throw new Error('no');
      });
      await expect(failed).rejects.toThrow('no');
      if (aware) await add('aware outside');
      const { rows } = await outside.query("select id from contract_item where id like 'aware %'");
      expect(rows).toEqual(client ? [{ id: 'aware outside' }] : []);
    });
  });
}
