import type { ContractCase } from '@acme/nest-idempotency/testing';
import { expect, it } from 'vitest';

/** A test for each case of a contract suite. */
export function itPasses(cases: readonly ContractCase[]): void {
  it.each(cases)('$name', async ({ run }) => {
    const broken: unknown = await run().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(broken).toBeUndefined();
  });
}
