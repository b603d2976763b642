import type { ContractCase } from '@acme/nest-outbox/testing';
import { expect, it } from 'vitest';

/** One test for each case of a contract suite. */
export function itPasses(cases: readonly ContractCase[]): void {
  it.each(cases)('$name', ({ run }) => expect(run()).resolves.toBeUndefined());
}
