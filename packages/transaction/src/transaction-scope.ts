import { AsyncLocalStorage } from 'node:async_hooks';
import type { AfterCommit } from './after-commit.js';
import type { SqlExecutor } from './sql-executor.js';
import type { IsolationLevel, TransactionAdapter } from './transaction-adapter.js';

/** One transaction from `begin` to its end, shared by everything that joined it. */
export class TransactionScope {
  /** Whether user code was given the handle. */
  touched = false;
  /** Joined inner runs that have not settled. */
  pending = 0;
  /** The error of the first joined inner run that failed. */
  failure: { readonly error: unknown } | undefined;
  readonly afterCommit: AfterCommit[] = [];
  #state: 'open' | 'ended' | 'none' = 'open';
  #sql: SqlExecutor | undefined;

  constructor(
    readonly handle: unknown,
    readonly isolation?: IsolationLevel | undefined,
  ) {}

  /** Stands for "no transaction, on purpose"; it hides `handle`, which a library would carry in here by itself. */
  static none(handle: unknown): TransactionScope {
    const scope = new TransactionScope(handle);
    scope.#state = 'none';
    return scope;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get hasEnded(): boolean {
    return this.#state === 'ended';
  }

  end(): void {
    this.#state = 'ended';
  }

  sql(adapter: TransactionAdapter): SqlExecutor {
    return (this.#sql ??= adapter.sql(this.handle));
  }
}

/** What the async context knows: the innermost transaction of each `Transactions`. */
interface Frame {
  readonly owner: object;
  readonly scope: TransactionScope;
  readonly outer: Frame | undefined;
}

const KEY = Symbol.for('@acme/nest-transaction:storage:1');

// On globalThis, so that two installed copies of the package share one: an async hook is not free, and what one copy
// suspends must be suspended for the other.
const shared = globalThis as { [KEY]?: AsyncLocalStorage<Frame | undefined> };
const storage = (shared[KEY] ??= new AsyncLocalStorage());

/** The scope that `owner` has in the calling async context; it may have ended. */
export function findScope(owner: object): TransactionScope | undefined {
  for (let frame = storage.getStore(); frame; frame = frame.outer) {
    if (frame.owner === owner) return frame.scope;
  }
  return undefined;
}

/** Runs `fn` with `scope` as the transaction of `owner`. */
export function withScope<R>(owner: object, scope: TransactionScope, fn: () => R): R {
  return storage.run({ owner, scope, outer: without(owner, storage.getStore()) }, fn);
}

/** Frames that are hidden for ever are dropped: a loop that was started inside a transaction must not grow a chain. */
function without(owner: object, frame: Frame | undefined): Frame | undefined {
  if (!frame) return undefined;
  return frame.owner === owner ? frame.outer : { ...frame, outer: without(owner, frame.outer) };
}
