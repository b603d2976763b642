import { expect, it } from 'vitest';

/** One case of a contract suite, as the packages' `/testing` give them. */
interface ContractCase {
  readonly name: string;
  run(): Promise<void>;
}

/** One test for each case of a contract suite. */
export function itPasses(cases: readonly ContractCase[]): void {
  it.each(cases)('$name', ({ run }) => expect(run()).resolves.toBeUndefined());
}
