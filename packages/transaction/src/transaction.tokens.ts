import { Inject } from '@nestjs/common';
import { Transactions } from './transactions.js';

/** Name of the transactions of a `TransactionModule` that was given no name. */
export const DEFAULT_TRANSACTIONS = 'default';

/**
 * DI token of the named `Transactions`. The default one is the class itself; a name gives a string that Nest prints
 * when nobody provides it, so it says what is missing.
 */
export function getTransactionsToken(
  name: string = DEFAULT_TRANSACTIONS,
): string | typeof Transactions {
  if (name === DEFAULT_TRANSACTIONS) return Transactions;
  return `Transactions of TransactionModule.forRoot({ name: '${name}' })`;
}

/** Injects the named `Transactions`; without a name, the default one. */
export const InjectTransactions = (name?: string): PropertyDecorator & ParameterDecorator =>
  Inject(getTransactionsToken(name));
