import { TransactionEndedError, transactionAware, Transactions } from '@acme/nest-transaction';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeAdapter } from './support/fake-adapter.js';

class Client {
  readonly #name: string;
  limit = 1;
  constructor(name: string) {
    this.#name = name;
  }
  get label(): string {
    return `client ${this.#name}`;
  }
  whoami(): string {
    return this.#name;
  }
}

describe('transactionAware', () => {
  let transactions: Transactions<Client>;
  let client: Client;

  beforeEach(() => {
    const adapter = {
      library: 'fake',
      dialect: 'postgres' as const,
      transaction: <R>(work: (handle: Client) => Promise<R>) => work(new Client('transaction')),
      sql: new FakeAdapter().sql as never,
    };
    transactions = new Transactions({ name: 'default', adapter, onCallbackError: () => undefined });
    client = transactionAware(transactions, new Client('pool'));
  });

  it('is the transaction inside, and the given client outside', async () => {
    expect(client.whoami()).toBe('pool');
    await transactions.run(async () => {
      expect(client.whoami()).toBe('transaction');
      expect(client.label).toBe('client transaction');
      expect(transactions.touched).toBe(true);
    });
    expect(client.whoami()).toBe('pool');
  });

  it('looks like the client that it stands for', () => {
    expect(client).toBeInstanceOf(Client);
    expect(client.constructor).toBe(Client);
    expect('whoami' in client).toBe(true);
    client.limit = 2;
    expect(client.limit).toBe(2);
  });

  it('can be called where the client can', async () => {
    const callable = (name: string) => (table: string) => `${name} ${table}`;
    const adapter = {
      library: 'fake',
      dialect: 'postgres' as const,
      transaction: <R>(work: (handle: unknown) => Promise<R>) => work(callable('transaction')),
      sql: new FakeAdapter().sql as never,
    };
    const own = new Transactions({ name: 'default', adapter, onCallbackError: () => undefined });
    const knex = transactionAware(own, callable('pool'));
    expect(knex('orders')).toBe('pool orders');
    await own.run(async () => expect(knex('orders')).toBe('transaction orders'));
  });

  it('refuses late work rather than doing it outside', async () => {
    let finish = (): void => {};
    const ended = new Promise<void>((resolve) => (finish = resolve));
    let late: Promise<unknown> | undefined;
    await transactions.run(async () => {
      late = ended.then(() => client.whoami());
    });
    finish();
    await expect(late).rejects.toThrow(TransactionEndedError);
  });

  it('is the given client in after-commit callbacks and outside()', async () => {
    const seen: string[] = [];
    await transactions.run(async () => {
      transactions.afterCommit(() => void seen.push(client.whoami()));
      seen.push(transactions.outside(() => client.whoami()));
    });
    expect(seen).toEqual(['pool', 'pool']);
  });
});
