import type { SqlExecutor, TransactionAdapter, TransactionOptions } from '@acme/nest-transaction';

export interface FakeHandle {
  readonly id: number;
  readonly isolation: string | undefined;
}

/** An adapter that writes down what it was asked to do, and fails where it is told to. */
export class FakeAdapter implements TransactionAdapter<FakeHandle> {
  readonly library = 'fake';
  readonly dialect = 'postgres';
  readonly log: string[] = [];
  commitError: unknown;
  rollbackError: unknown;
  #transactions = 0;

  async transaction<R>(
    work: (handle: FakeHandle) => Promise<R>,
    { isolation }: TransactionOptions,
  ): Promise<R> {
    const id = ++this.#transactions;
    this.log.push(`begin ${id}`);
    let result: R;
    try {
      result = await work({ id, isolation });
    } catch (error) {
      this.log.push(`rollback ${id}`);
      throw this.rollbackError ?? error;
    }
    if (this.commitError) throw this.commitError;
    this.log.push(`commit ${id}`);
    return result;
  }

  sql({ id }: FakeHandle): SqlExecutor {
    return {
      dialect: 'postgres',
      query: async (sql) => {
        this.log.push(`${id}: ${sql}`);
        return { rows: [], rowCount: 0 };
      },
    };
  }
}
