import { CaseContext } from './case-context.js';
import type {
  ContractCase,
  TransactionContractFeatures,
  TransactionContractFixture,
} from './contract.js';
import { faultCases } from './fault-cases.js';
import { isolationCases } from './isolation-cases.js';
import { nestingCases } from './nesting-cases.js';
import { openingCases } from './opening-cases.js';
import { outcomeCases } from './outcome-cases.js';
import { sqlCases } from './sql-cases.js';

export { prepareTransactionContract } from './contract.js';
export type { ContractCase, TransactionContractFeatures, TransactionContractFixture };

/**
 * What every `TransactionAdapter` must do, as cases for any test runner. Cases are independent of one another. Run them
 * against a real database that was prepared with `prepareTransactionContract()`; the fixture is asked for when a case
 * runs, so it may be made in a `beforeAll`.
 */
export function transactionContract(
  fixture: () => TransactionContractFixture,
  features: TransactionContractFeatures,
): ContractCase[] {
  const cases = {
    ...outcomeCases(features),
    ...openingCases(features),
    ...nestingCases(features),
    ...isolationCases(features),
    ...sqlCases(features),
    ...faultCases(features),
  };
  return Object.entries(cases).map(([name, run]) => ({
    name,
    run: () => run(new CaseContext(fixture()), fixture()),
  }));
}
