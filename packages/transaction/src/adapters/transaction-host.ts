import { isTransactionHost, sqlOf, assertOpen, type TransactionHostLike } from '../sql-of.js';
import type { IsolationLevel, TransactionAdapter } from '../transaction-adapter.js';
import { TransactionUnsupportedError } from '../transaction.errors.js';

/** How transactions of `@nestjs-cls/transactional` are opened. */
export interface TransactionHostOptions {
  /**
   * Turns an isolation level into the options of the adapter that the host was made with, for example
   * `(isolation) => ({ isolationLevel: isolation.toUpperCase() })` for TypeORM.
   * @default none: a `run` that asks for a level is refused
   */
  readonly toOptions?: (isolation: IsolationLevel) => object;
}

/**
 * Transactions through the `TransactionHost` of `@nestjs-cls/transactional`, whatever library stands behind it. User
 * code goes on to use `TransactionHost.tx`, `@InjectTransaction()` and `@Transactional()`; a transaction which
 * `@Transactional()` has opened is joined, but its commit belongs to the decorator, so `afterCommit()` is refused there.
 */
export function fromTransactionHost<Tx>(
  host: TransactionHostLike<Tx>,
  { toOptions }: TransactionHostOptions = {},
): TransactionAdapter<Tx> {
  if (!isTransactionHost(host)) {
    throw new TransactionUnsupportedError(
      'fromTransactionHost() needs the TransactionHost of @nestjs-cls/transactional.',
    );
  }
  return {
    library: '@nestjs-cls/transactional',
    dialect: sqlOf(host.tx).dialect,
    transaction: (work, { isolation }) =>
      host.withTransaction('REQUIRES_NEW' as never, optionsFor(isolation, toOptions) as never, () =>
        work(host.tx),
      ),
    beforeCommit: assertOpen,
    sql: sqlOf,
    ambient: () => (host.isTransactionActive() ? host.tx : undefined),
  };
}

function optionsFor(
  isolation: IsolationLevel | undefined,
  toOptions: TransactionHostOptions['toOptions'],
): object {
  if (isolation === undefined) return {};
  if (toOptions) return toOptions(isolation);
  throw new TransactionUnsupportedError(
    `A run() asks for "${isolation}", and fromTransactionHost() does not know how its library is told. Give it { toOptions }.`,
  );
}
