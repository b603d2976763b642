import { attemptCases } from './attempt-cases.js';
import { claimCases } from './claim-cases.js';
import type { ContractCase, SqlStoreContractFixture, StoreContractFixture } from './contract.js';
import { claimingByOpening } from './opening-store.js';
import { outcomeCases } from './outcome-cases.js';
import { transactionCases } from './transaction-cases.js';

export type { ContractCase, SqlStoreContractFixture, StoreContractFixture };

/**
 * What every `IdempotencyStore` must do, as cases for any test runner. Cases are independent of one another; the fixture is
 * asked for when a case runs, so it may be made in a `beforeAll`. The store must be empty of expired records that nobody
 * may remove.
 */
export const storeContract = (fixture: () => StoreContractFixture): ContractCase[] =>
  casesOf({ ...claimCases, ...outcomeCases, ...attemptCases }, fixture);

/** What a store in an SQL database must do besides, within the transactions of others. */
export const sqlStoreContract = (fixture: () => SqlStoreContractFixture): ContractCase[] => [
  ...casesOf(transactionCases, fixture),
  ...casesOf(transactionCases, () => byOpening(fixture()), ', by its opening statement'),
];

const byOpening = (fixture: SqlStoreContractFixture): SqlStoreContractFixture => ({
  store: claimingByOpening(fixture.store),
  transaction: (work, isolation) => fixture.transaction(work, isolation),
});

const casesOf = <F>(
  cases: Record<string, (fixture: F) => Promise<void>>,
  fixture: () => F,
  variant = '',
): ContractCase[] =>
  Object.entries(cases).map(([name, run]) => ({
    name: `${name}${variant}`,
    run: () => run(fixture()),
  }));
