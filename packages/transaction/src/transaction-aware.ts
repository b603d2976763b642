import type { Transactions } from './transactions.js';

/**
 * A client that is the open transaction's handle inside `transactions.run()` and `fallback` outside, so that user code
 * can be written against one injected client.
 *
 * For libraries whose transaction handle offers what the client offers: pg (`Pool`/`PoolClient`), postgres.js, Prisma,
 * Drizzle, Kysely, Knex, TypeORM (`dataSource.manager`). What the handle lacks is missing inside a transaction:
 * `pool.connect()`, for one. Work that goes on after the end of its transaction gets a `TransactionEndedError`
 * instead of silently running outside.
 */
export function transactionAware<Client extends object>(
  transactions: Transactions,
  fallback: Client,
): Client {
  const target = (): object => transactions.currentOr(fallback) as object;
  // Proxy invariants are checked against the proxied object, so that is an empty one; callable clients (knex('orders'),
  // sql`…`) need it to be a function.
  const shell = (typeof fallback === 'function' ? () => undefined : {}) as Client;
  return new Proxy(shell, {
    get: (_, key) => {
      const client = target();
      const value: unknown = Reflect.get(client, key, client);
      // Bound, because classes with private members refuse a proxy as `this`.
      return typeof value === 'function' && key !== 'constructor' ? value.bind(client) : value;
    },
    set: (_, key, value) => Reflect.set(target(), key, value),
    has: (_, key) => Reflect.has(target(), key),
    apply: (_, thisArgument, argumentList) =>
      Reflect.apply(target() as (...args: unknown[]) => unknown, thisArgument, argumentList),
    getPrototypeOf: () => Reflect.getPrototypeOf(target()),
  });
}
