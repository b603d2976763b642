import type { SqlExecutor } from './sql-executor.js';

/** How `sqlOf()` knows the handles of one library: by their shape, never by their class or package. */
export interface KnownHandle<Handle extends object = object> {
  /** What is accepted, in words, for the error about an unknown handle. */
  readonly accepts: string;
  recognise(handle: object): boolean;
  /** Whether the handle stands for an open transaction right now. */
  inTransaction(handle: Handle): boolean;
  executor(handle: Handle): SqlExecutor;
}

/** True when every one of `names` is a method of `value`, inherited ones included. */
export function hasMethods(value: unknown, ...names: string[]): value is object {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}
