import { pgHandle } from './adapters/pg.js';
import type { KnownHandle } from './known-handle.js';
import type { SqlExecutor } from './sql-executor.js';
import { TransactionRequiredError, UnknownHandleError } from './transaction.errors.js';

/** Every kind of handle, the most particular shapes first. */
const KNOWN: readonly KnownHandle<never>[] = [pgHandle];

/** How `sqlOf` treats the handle. */
export interface SqlOfOptions {
  /**
   * Refuses a handle that is not inside an open transaction.
   * @default false
   */
  readonly inTransaction?: boolean | undefined;
}

/**
 * SQL on any handle of any library that this package has an adapter for, a plain pool included.
 *
 * @throws {UnknownHandleError} when the handle is none of those; the message lists them
 * @throws {TransactionRequiredError} when a transaction is required and the handle is not inside one
 */
export function sqlOf(handle: unknown, options: SqlOfOptions = {}): SqlExecutor {
  const known = isObject(handle) ? KNOWN.find((one) => one.recognise(handle)) : undefined;
  if (!known) {
    throw new UnknownHandleError(
      `This is not a database handle that is known: ${describe(handle)}. Accepted: ${KNOWN.map(({ accepts }) => accepts).join('; ')}.`,
    );
  }
  const recognised = handle as never;
  if (options.inTransaction && !known.inTransaction(recognised)) {
    throw new TransactionRequiredError(
      `The given handle (${describe(handle)}) is not inside an open transaction. Give the handle that the library hands out for one: ${known.accepts}.`,
    );
  }
  return known.executor(recognised);
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' || typeof value === 'function') && value !== null;
}

function describe(value: unknown): string {
  if (!isObject(value)) return String(value);
  const name = typeof value === 'function' ? value.name : value.constructor?.name;
  return name ? `a ${name}` : 'an object without a class';
}
