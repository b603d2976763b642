import type { TransactionAdapter } from './transaction-adapter.js';

/** Options of `TransactionModule.forRoot()`; what the factory of `forRootAsync()` returns. */
export interface TransactionModuleOptions {
  /** How transactions are opened: `fromPg(pool)`, `fromTypeOrm(dataSource)`, … or your own. */
  readonly adapter: TransactionAdapter;
}

/** Options that must be known before any factory runs, because they decide what the module provides. */
export interface TransactionModuleExtras {
  /**
   * Name of these transactions, for services with several databases: `@InjectTransactions(name)`.
   * @default 'default'
   */
  readonly name?: string;
  /**
   * Whether every module may inject the transactions without importing this one.
   * @default true
   */
  readonly isGlobal?: boolean;
}

/** Everything that is wrong with the options, each with its remedy. */
export function problemsOf(options: TransactionModuleOptions | undefined, name: unknown): string[] {
  const problems: string[] = [];
  if (typeof name !== 'string' || name.trim() === '') {
    problems.push(`name: ${show(name)} is not a name. Leave it out, or give a non-empty string.`);
  }
  for (const key of Object.keys(options ?? {})) {
    if (key === 'adapter') continue;
    problems.push(
      `${key}: there is no such option. There is adapter; name and isGlobal are given to forRoot() with it, or to forRootAsync() beside useFactory.`,
    );
  }
  const adapter: unknown = options?.adapter;
  if (adapter === undefined || adapter === null) {
    problems.push(
      'adapter: missing. Give fromPg(pool), fromTypeOrm(dataSource) or another adapter.',
    );
  } else if (!isAdapter(adapter)) {
    problems.push(
      `adapter: ${show(adapter)} is not an adapter. Wrap the library's own object: fromPg(pool), fromTypeOrm(dataSource), …`,
    );
  }
  return problems;
}

function isAdapter(value: unknown): value is TransactionAdapter {
  const adapter = value as Partial<TransactionAdapter>;
  return (
    typeof adapter.transaction === 'function' &&
    typeof adapter.sql === 'function' &&
    typeof adapter.library === 'string' &&
    (adapter.dialect === 'postgres' || adapter.dialect === 'mysql')
  );
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return String(value);
  return `a ${value.constructor?.name ?? 'null-prototype'} object`;
}
