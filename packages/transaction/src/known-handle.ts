import type { SqlExecutor } from './sql-executor.js';

/** How `sqlOf()` and the adapters know the handles of one library: by their shape, never by their class or package. */
export interface KnownHandle<Handle extends object = object> {
  /** What is accepted, in words, for the error about an unknown handle. */
  readonly accepts: string;
  readonly recognise: (handle: object) => boolean;
  /**
   * Whether the handle stands for an open transaction right now. A function, where only the server can tell: it is
   * called before the first statement.
   */
  readonly inTransaction: (handle: Handle) => boolean | (() => Promise<boolean>);
  readonly executor: (handle: Handle) => SqlExecutor;
  /**
   * Rejects when the database has given the handle's transaction up, or the user's code has ended it.
   *
   * @throws {TransactionAbortedError}
   */
  readonly assertOpen: (handle: Handle) => Promise<void>;
}

/** True when every one of `names` is a method of `value`, inherited ones included. */
export function hasMethods(value: unknown, ...names: string[]): value is object {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}

/** `a PoolClient`, for errors. */
export function describe(value: unknown): string {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
    // Somebody gives a URL where a pool is wanted, and in it stands a password.
    return typeof value === 'string' ? 'a text' : String(value as string);
  }
  const name = typeof value === 'function' ? value.name : value.constructor?.name;
  return name ? `a ${name}` : 'an object without a class';
}
