import type { SqlExecutor } from '@acme/nest-transaction';
import type { ContractCase } from '@acme/nest-message-context/kit';
import type { OutboxStore } from '../contracts/outbox-store.js';
import { addCases } from './store-add-cases.js';
import { crashCases } from './store-crash-cases.js';
import { entryCases } from './store-entry-cases.js';
import { fenceCases } from './store-fence-cases.js';
import { laneCases } from './store-lane-cases.js';
import { operationCases } from './store-operation-cases.js';
import { readCases } from './store-read-cases.js';
import { settleCases } from './store-settle-cases.js';
import { togetherCases } from './store-together-cases.js';

/** What the suite needs of the store under test. */
export interface OutboxStoreFixture {
  /** Prepared, and empty. */
  readonly store: OutboxStore;
  /** The same outbox through connections of its own, as another process has it; prepared as well. */
  readonly other: OutboxStore;
  /**
   * Runs `work` in a transaction of its own and commits it, or rolls it back and rejects when `work` rejects. At least five
   * at once. May run `work` again where the database has undone it because it could not be serialised.
   */
  transaction<R>(work: (sql: SqlExecutor) => Promise<R>): Promise<R>;
  /** Has messages numbered from `seq` on, as if so many had been before. */
  skipTo(seq: number): Promise<void>;
  close(): Promise<void>;
}

/** @internal */
export type StoreCases = Record<string, (fixture: OutboxStoreFixture) => Promise<void>>;

/** Enough to share, few enough to see what each holds. */
const LANES = 4;

/**
 * What every `OutboxStore` must do, as cases for any test runner. `open` is called by each case, and gives an empty outbox
 * with so many lanes.
 */
export const outboxStoreContract = (
  open: (lanes: number) => Promise<OutboxStoreFixture>,
): ContractCase[] =>
  Object.entries({
    ...addCases,
    ...entryCases,
    ...readCases,
    ...laneCases,
    ...settleCases,
    ...fenceCases,
    ...crashCases,
    ...operationCases,
    ...togetherCases,
  }).map(([name, check]) => ({
    name,
    run: async () => {
      const fixture = await open(LANES);
      try {
        await check(fixture);
      } finally {
        await fixture.close();
      }
    },
  }));
