import { isSerializationFailure, leavesOutcomeOpen } from './sql-state.js';
import type { SqlDialect, SqlExecutor, SqlResult } from './sql-executor.js';
import type { TransactionAdapter, TransactionOptions } from './transaction-adapter.js';
import {
  isTransactionError,
  TransactionEndedError,
  TransactionIsolationConflictError,
  TransactionOutcomeUnknownError,
  TransactionRequiredError,
  TransactionRollbackOnlyError,
  TransactionUnsupportedError,
  TransactionWorkPendingError,
} from './transaction.errors.js';
import { callInTurn, type AfterCommit } from './after-commit.js';
import { findScope, TransactionScope, withScope } from './transaction-scope.js';

/** How `Transactions.run` opens or joins a transaction. */
export interface RunOptions extends TransactionOptions {
  /**
   * Opens a second transaction on another connection even when one is open, which it suspends meanwhile: what it
   * commits stays although the outer one rolls back. It needs a second connection of the pool, and waits for ever for a
   * row that the outer one has locked.
   * @default false
   */
  readonly requiresNew?: boolean | undefined;
  /**
   * Repeats `fn` in a new transaction after a serialization failure or a deadlock (SQLSTATE 40001, 40P01). Off by
   * default, because only the caller knows whether `fn` has done anything that a rollback does not undo. Without effect
   * on a joined run: there the whole transaction is lost, and the outermost caller decides.
   */
  readonly retrySerialization?: SerializationRetry | undefined;
}

/** When a transaction may be repeated after the database gave it up for the sake of others. */
export interface SerializationRetry {
  /** How often `fn` is run at most, the first time included. */
  readonly attempts: number;
  /**
   * Asked after each failure; false hands the error to the caller. Idempotency answers "only the claim has run so
   * far". `fn` sets its own state back when it is called again.
   */
  while(): boolean;
}

/** What a `Transactions` is made of. */
export interface TransactionsSettings<Handle> {
  readonly name: string;
  readonly adapter: TransactionAdapter<Handle>;
  /** Told about every after-commit callback that failed. */
  readonly onCallbackError: (error: unknown) => void;
}

/**
 * The open transaction of one database, whatever library opens it.
 *
 * The transaction belongs to the async context of the function given to `run`: everything that it calls and awaits
 * takes part, other requests do not. User code reaches the library's own handle with `current()`.
 */
export class Transactions<Handle = unknown> {
  readonly name: string;
  readonly #adapter: TransactionAdapter<Handle>;
  readonly #onCallbackError: (error: unknown) => void;
  readonly #foreignScopes = new WeakMap<object, TransactionScope>();

  constructor(settings: TransactionsSettings<Handle>) {
    this.name = settings.name;
    this.#adapter = settings.adapter;
    this.#onCallbackError = settings.onCallbackError;
  }

  get dialect(): SqlDialect {
    return this.#adapter.dialect;
  }

  /** The library that opens the transactions, as it is named in errors. */
  get library(): string {
    return this.#adapter.library;
  }

  /** Whether the calling code is inside an open transaction. False in after-commit callbacks. */
  get isActive(): boolean {
    return this.#open() !== undefined;
  }

  /**
   * Whether the open transaction was opened by `run`, so that its commit can be seen. False outside a transaction, and
   * in one that the library has opened by itself (`@Transactional()` of `@nestjs-cls/transactional`,
   * `em.transactional()` of MikroORM): there `afterCommit` is refused.
   */
  get isOwner(): boolean {
    const open = this.#open();
    return open !== undefined && open === findScope(this);
  }

  /**
   * Whether the open transaction's handle was given to user code, by `current()` or a client made by
   * `transactionAware()`. Undefined outside a transaction, and with a library that passes its transaction on by itself
   * (`fromTransactionHost`, `fromMikroOrm`): there nobody can tell.
   */
  get touched(): boolean | undefined {
    const touched = this.#open()?.touched;
    return this.#adapter.ambient && !touched ? undefined : touched;
  }

  /**
   * Runs `fn` in a transaction and resolves with its result after the commit. When a transaction is open already, `fn`
   * joins it: the outer `run` commits. An error of `fn` rolls everything back and is thrown on unchanged, also when an
   * outer `fn` swallows it. `fn` is given the result of the `opening` statement, where that was carried out: it is not in a
   * joined run, and not by libraries that cannot do it; there, `fn` runs it itself.
   *
   * @throws {TransactionOutcomeUnknownError} when the connection was lost during the commit
   * @throws {TransactionRollbackOnlyError} when a joined inner run had failed and its error was swallowed
   * @throws {TransactionAbortedError} when a statement had failed, its error was swallowed and the database gave up
   * @throws {TransactionWorkPendingError} when a joined inner run was not awaited
   * @throws {TransactionIsolationConflictError} when a joined run asks for another isolation level
   */
  run<R>(fn: (opened?: SqlResult) => Promise<R>, options: RunOptions = {}): Promise<R> {
    try {
      return this.#run(fn, options);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** Not async: to pass a promise on would cost every run three turns more. */
  #run<R>(fn: (opened?: SqlResult) => Promise<R>, options: RunOptions): Promise<R> {
    const open = this.#open();
    if (open && !options.requiresNew) return this.#join(open, fn, options);
    if (open && this.#adapter.singleConnection) throw this.#unsupportedRequiresNew();
    const { retrySerialization } = options;
    return retrySerialization
      ? this.#repeat(fn, options, retrySerialization)
      : this.#attempt(fn, options);
  }

  /**
   * The library's own handle of the open transaction: a pg `PoolClient`, a TypeORM `EntityManager`, … (each adapter
   * says which). Don't keep it: it is worthless after the end of the transaction.
   *
   * @throws {TransactionRequiredError} outside a transaction
   * @throws {TransactionEndedError} in work that goes on after the end of its transaction
   */
  current<T = Handle>(): T {
    const scope = this.#scope('current()');
    scope.touched = true;
    return scope.handle as T;
  }

  /**
   * The handle of the open transaction, or `outside` where there is none: for repositories that work in both.
   *
   * @throws {TransactionEndedError} in work that goes on after the end of its transaction, rather than writing outside
   */
  currentOr<T = Handle>(outside: T): T {
    return this.#open() || findScope(this)?.hasEnded ? this.current<T>() : outside;
  }

  /**
   * Runs `fn` as if there were no transaction: for what is started inside one and outlives it, such as a timer, a
   * subscription or a connection that is opened on first use.
   */
  outside<R>(fn: () => R): R {
    return withScope(this, TransactionScope.none(this.#adapter.ambient?.()), fn);
  }

  /**
   * SQL inside the open transaction, for packages. It does not count as `touched`.
   *
   * @throws {TransactionRequiredError} outside a transaction
   * @throws {TransactionEndedError} in work that goes on after the end of its transaction
   */
  sql(): SqlExecutor {
    return this.#scope('sql()').sql(this.#adapter);
  }

  /**
   * Calls `callback` once after the open transaction has been committed, never when it is rolled back. Callbacks run
   * one after the other, outside the transaction, and `run` resolves after the last one. An error in one is logged; it
   * neither rejects `run` nor stops the others. A crash right after the commit loses them: use them for hints, not
   * for anything that must happen.
   *
   * @throws {TransactionRequiredError} outside a transaction
   * @throws {TransactionUnsupportedError} in a transaction that was opened by the library itself
   */
  afterCommit(callback: AfterCommit): void {
    const scope = this.#scope('afterCommit()');
    if (scope !== findScope(this)) {
      throw new TransactionUnsupportedError(
        `afterCommit() was called in a transaction that ${this.library} has opened by itself, so its commit cannot be seen. Open it with Transactions.run().`,
      );
    }
    scope.afterCommit.push(callback);
  }

  /** Not async: with async hooks, the promise of every await costs a microsecond. */
  #join<R>(scope: TransactionScope, fn: () => Promise<R>, options: RunOptions): Promise<R> {
    assertSameIsolation(scope.isolation, options);
    scope.pending += 1;
    return started(fn).then(
      (value) => {
        scope.pending -= 1;
        return value;
      },
      (error: unknown) => {
        scope.pending -= 1;
        scope.failure ??= { error };
        throw error;
      },
    );
  }

  async #repeat<R>(
    fn: (opened?: SqlResult) => Promise<R>,
    options: RunOptions,
    retry: SerializationRetry,
  ): Promise<R> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(fn, options);
      } catch (error) {
        const mayRepeat = attempt < retry.attempts && isSerializationFailure(error);
        if (!mayRepeat || !retry.while()) throw error;
      }
    }
  }

  async #attempt<R>(fn: (opened?: SqlResult) => Promise<R>, options: RunOptions): Promise<R> {
    let scope: TransactionScope | undefined;
    let outcome: { readonly value: R } | undefined;
    let failure: { readonly error: unknown } | undefined;
    const { isolation, opening } = options;
    const work = async (handle: Handle, opened?: SqlResult): Promise<void> => {
      scope = new TransactionScope(handle, isolation);
      try {
        outcome = { value: await this.#inside(scope, () => fn(opened)) };
      } catch (error) {
        failure = { error };
        throw error;
      } finally {
        scope.end();
      }
    };
    try {
      await this.#adapter.transaction(work, { isolation, opening });
    } catch (error) {
      // A library may reject as soon as the connection is lost, while the work still runs.
      scope?.end();
      // What the user's code threw, not what a library made of it or a failed rollback added to it.
      if (failure) throw failure.error;
      throw outcome ? toCommitError(error) : error;
    }
    if (!scope || !outcome) {
      throw failure?.error ?? new Error(`The ${this.library} adapter did not call its work.`);
    }
    const { afterCommit } = scope;
    const unfinished = this.outside(() => callInTurn(afterCommit, this.#onCallbackError));
    if (unfinished) await unfinished;
    return outcome.value;
  }

  #inside<R>(scope: TransactionScope, fn: () => Promise<R>): Promise<R> {
    return withScope(this, scope, async () => {
      const value = await fn();
      if (scope.failure) throw rollbackOnly(scope.failure.error);
      if (scope.pending > 0) throw workPending(scope.pending);
      await this.#adapter.beforeCommit?.(scope.handle as Handle);
      return value;
    });
  }

  /** The open transaction: ours, or the one that the library itself has opened last in this context. */
  #open(): TransactionScope | undefined {
    const scope = findScope(this);
    const handle = this.#adapter.ambient?.();
    if (handle !== undefined && handle !== scope?.handle) return this.#foreign(handle);
    return scope?.isOpen ? scope : undefined;
  }

  #scope(member: string): TransactionScope {
    const open = this.#open();
    if (open) return open;
    const which = this.name === 'default' ? 'Transactions' : `Transactions "${this.name}"`;
    if (findScope(this)?.hasEnded) {
      throw new TransactionEndedError(
        `${which}.${member} was called after the end of its transaction. Await all work inside run(); move what may happen later into afterCommit() or a run() of its own.`,
      );
    }
    throw new TransactionRequiredError(
      `${which}.${member} was called outside a transaction. Call it inside run().`,
    );
  }

  #foreign(handle: Handle): TransactionScope {
    const key = handle as object;
    const scope = this.#foreignScopes.get(key) ?? new TransactionScope(handle);
    this.#foreignScopes.set(key, scope);
    return scope;
  }

  #unsupportedRequiresNew(): TransactionUnsupportedError {
    return new TransactionUnsupportedError(
      `requiresNew needs a second connection and ${this.library} has only one, so it would wait for ever. Join the open transaction instead.`,
    );
  }
}

function started<R>(fn: () => Promise<R>): Promise<R> {
  try {
    // Whatever can be awaited: some libraries' promises are none.
    return Promise.resolve(fn());
  } catch (error) {
    return Promise.reject(error as Error);
  }
}

function assertSameIsolation(open: string | undefined, { isolation }: RunOptions): void {
  if (isolation === undefined || isolation === open) return;
  throw new TransactionIsolationConflictError(
    `A run() asks for "${isolation}" inside a transaction opened ${open ? `as "${open}"` : 'without a level'}. Ask for the level where the transaction is opened, or use requiresNew.`,
  );
}

function toCommitError(error: unknown): unknown {
  if (isTransactionError(error) || !leavesOutcomeOpen(error)) return error;
  return new TransactionOutcomeUnknownError(
    'The connection was lost during the commit: the transaction may or may not have been committed. Look before repeating it.',
    { cause: error },
  );
}

function rollbackOnly(cause: unknown): TransactionRollbackOnlyError {
  return new TransactionRollbackOnlyError(
    'An inner run() had failed and its error was swallowed, so the transaction was rolled back (Outbox.add() is one). Let the error through, or give the inner run() requiresNew.',
    { cause },
  );
}

function workPending(count: number): TransactionWorkPendingError {
  return new TransactionWorkPendingError(
    `The transaction was rolled back because ${count} inner run() ${count === 1 ? 'was' : 'were'} still at work when its function returned (Outbox.add() is one). Await them.`,
  );
}
