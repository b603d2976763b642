import { describe, hasMethods, type KnownHandle } from './known-handle.js';
import { KNOWN_HANDLES } from './known-handles.js';
import type { SqlExecutor } from './sql-executor.js';
import { TransactionRequiredError, UnknownHandleError } from './transaction.errors.js';

/** How `sqlOf` treats the handle. */
export interface SqlOfOptions {
  /**
   * Refuses a handle that is not inside an open transaction.
   * @default false
   */
  readonly inTransaction?: boolean | undefined;
}

/** The part of the `TransactionHost` of `@nestjs-cls/transactional` that is used. */
export interface TransactionHostLike<Tx> {
  readonly tx: Tx;
  isTransactionActive(): boolean;
  withTransaction<R>(propagation: never, options: never, work: () => Promise<R>): Promise<R>;
}

/**
 * SQL on any handle of any library that this package has an adapter for, a plain pool included.
 *
 * @throws {UnknownHandleError} when the handle is none of those; the message lists them
 * @throws {TransactionRequiredError} when a transaction is required and the handle is not inside one, or not any more. For
 * postgres.js, Prisma, `mysql2`, `mariadb`, Drizzle on one of them, and a `pg` client older than `getTransactionStatus()`,
 * only the server can tell, at the cost of one round trip: there the first `query` rejects with it.
 *
 * Don't keep a handle. Drivers pool connections, so that one that was given back may be inside the transaction of somebody
 * else by now, and nobody can tell the two apart (pg, postgres.js, mysql2, mariadb, Drizzle on them; Kysely before 0.28).
 */
export function sqlOf(handle: unknown, options: SqlOfOptions = {}): SqlExecutor {
  const [known, target] = recognise(handle);
  const executor = known.executor(target);
  if (!options.inTransaction) return executor;
  const inside = known.inTransaction(target);
  if (inside === false) throw notInside(handle, known);
  return inside === true ? executor : checkedOnce(executor, inside, () => notInside(handle, known));
}

/** Rejects when the database has given up the transaction of `handle`. */
export async function assertOpen(handle: unknown): Promise<void> {
  const [known, target] = recognise(handle);
  await known.assertOpen(target);
}

/** Whether `value` is a `TransactionHost`. */
export function isTransactionHost(value: unknown): value is TransactionHostLike<unknown> {
  return hasMethods(value, 'withTransaction', 'isTransactionActive') && 'tx' in value;
}

function recognise(handle: unknown): [KnownHandle<never>, never] {
  const target = isTransactionHost(handle) ? handle.tx : handle;
  const isObject = (typeof target === 'object' || typeof target === 'function') && target !== null;
  const known = isObject ? KNOWN_HANDLES.find((one) => one.recognise(target)) : undefined;
  if (known) return [known, target as never];
  const accepted = KNOWN_HANDLES.map(({ accepts }) => accepts);
  throw new UnknownHandleError(
    `This is not a database handle that is known: ${describe(target)}. Accepted: ${accepted.join('; ')}; a TransactionHost of @nestjs-cls/transactional.`,
  );
}

function checkedOnce(
  executor: SqlExecutor,
  isInside: () => Promise<boolean>,
  refusal: () => Error,
): SqlExecutor {
  let checked: Promise<boolean> | undefined;
  return {
    dialect: executor.dialect,
    query: async (sql, params) => {
      if (!(await (checked ??= isInside()))) throw refusal();
      return executor.query(sql, params);
    },
  };
}

function notInside(handle: unknown, { accepts }: KnownHandle<never>): TransactionRequiredError {
  return new TransactionRequiredError(
    `The given handle (${describe(handle)}) is not inside an open transaction. Give the handle that the library hands out for one; accepted is ${accepts}.`,
  );
}
