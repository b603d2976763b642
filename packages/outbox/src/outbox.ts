import { EventSink } from '@acme/nest-message-context';
import {
  isTransactionError,
  sqlOf,
  TransactionEndedError,
  type SqlExecutor,
  type Transactions,
} from '@acme/nest-transaction';
import type { Due, NewMessage } from './contracts/messages.js';
import type { EntryRules, OutboxStore } from './contracts/outbox-store.js';
import { contextHeaders } from './message/context-headers.js';
import { toNewMessages } from './message/new-message.js';
import type { OutboxEventAmongMessages, OutboxEventInstance } from './message/outbox-event.js';
import type { OutboxMessage } from './message/outbox-message.js';
import type { Observability } from './observability/observability.js';
import { OutboxMessageInvalidError, OutboxTransactionRequiredError } from './outbox.errors.js';
import { unprepared } from './stores/sql/schema-errors.js';

/** How `Outbox.add` finds its transaction. */
export interface AddOptions {
  /**
   * The library's own handle of an open transaction: a pg `PoolClient`, a TypeORM `EntityManager`, … (whatever `sqlOf()` of
   * `@acme/nest-transaction` accepts). Its commit cannot be seen from here, so the relay finds the messages when it polls
   * next, `relay.pollInterval` later at most.
   * @default the ambient transaction of `Transactions.run()`
   */
  readonly tx?: unknown;
}

/** Takes messages into the caller's transaction: they leave if, and only if, it commits. */
export class Outbox extends EventSink {
  #prepared: Promise<void> | undefined;
  #isPrepared = false;

  /** @internal Made by `OutboxModule`. */
  constructor(
    private readonly store: OutboxStore,
    private readonly transactions: Transactions | undefined,
    private readonly lanes: number | undefined,
    private readonly rules: EntryRules,
    private readonly wake: (inMs?: number) => void,
    private readonly observed: Observability,
  ) {
    super();
  }

  /**
   * Writes the messages into the transaction, in their order and in one statement, however many they are. Payloads and
   * headers are snapshots; correlation, causation and trace of the message being handled go along.
   *
   * @throws {OutboxTransactionRequiredError} outside a transaction
   * @throws {OutboxMessageInvalidError} when a message could never be published
   */
  add(messages: OutboxMessage | readonly OutboxMessage[], options?: AddOptions): Promise<void>;
  /** Of instances of classes with `@OutboxEvent()`. */
  add(
    events: OutboxEventInstance | readonly OutboxEventInstance[],
    options?: AddOptions,
  ): Promise<void>;
  /** Of both, in their order. */
  add(
    mixed: readonly (OutboxMessage | OutboxEventAmongMessages)[],
    options?: AddOptions,
  ): Promise<void>;
  add(messages: object, options: AddOptions = AMBIENT): Promise<void> {
    try {
      return this.#add(messages, options, undefined);
    } catch (error) {
      return this.#quiet(options, Promise.reject(error as Error));
    }
  }

  /** @internal As `add()`, but a refusal is thrown at once, for callers whose callers may not look at the promise. */
  take(messages: object): Promise<true> {
    return this.#add(messages, AMBIENT, true);
  }

  /**
   * Whatever goes wrong inside `Transactions.run()` rolls the transaction back, and `run()` rejects with it: also when the
   * promise is not awaited, or its rejection swallowed. A change must not commit without its event.
   */
  #add<R>(messages: object, options: AddOptions, result: R): Promise<R> {
    const list: readonly unknown[] = Array.isArray(messages) ? messages : [messages];
    try {
      checkOptions(options);
      return this.observed.adding(list.length, contextHeaders(), (adding) => {
        const made = toNewMessages(list, adding.headers);
        adding.of(made);
        return this.#quiet(options, this.#write(made, options, result));
      });
    } catch (error) {
      if (this.#isWithinRun(options))
        this.transactions?.run(() => Promise.reject(error as Error)).catch(() => {});
      throw error;
    }
  }

  /** Whoever opened the transaction is told anyway; nobody has to look at the promise. */
  #quiet<R>(options: AddOptions, adding: Promise<R>): Promise<R> {
    if (this.#isWithinRun(options)) adding.catch(() => {});
    return adding;
  }

  #isWithinRun({ tx }: AddOptions): boolean {
    return tx === undefined && this.transactions?.isOwner === true;
  }

  #write<R>(made: readonly NewMessage[], options: AddOptions, result: R): Promise<R> {
    const { executor, ambient } = this.#executor(options.tx);
    if (made.length === 0) return Promise.resolve(result);
    const write = (): Promise<R> => this.#insert(executor, made, options, ambient, result);
    const ready = this.#isPrepared ? write : () => this.prepare().then(write);
    // Joined, so that the transaction does not commit while this is under way, nor after it has failed, awaited or not.
    return ambient ? ambient.run(ready) : ready();
  }

  /** Not async: every await is one more promise, and each costs about a microsecond while an async hook is on. */
  #insert<R>(
    executor: SqlExecutor,
    made: readonly NewMessage[],
    { tx }: AddOptions,
    ambient: Transactions | undefined,
    result: R,
  ): Promise<R> {
    return this.store.insert(executor, made, this.rules).then(
      () => {
        if (!ambient || !this.#afterCommit(ambient, made)) this.observed.added(made, false);
        return result;
      },
      (error: unknown) => {
        // Of a handle whose state only the server knows.
        throw isTransactionError(error, 'TRANSACTION_REQUIRED') ? required(tx, error) : error;
      },
    );
  }

  /** @internal Prepares the store, once; a failure may be repeated. */
  prepare(): Promise<void> {
    return (this.#prepared ??= this.#prepare());
  }

  async #prepare(): Promise<void> {
    try {
      await this.store.prepare(this.lanes);
      this.#isPrepared = true;
    } catch (error) {
      this.#prepared = undefined;
      throw unprepared(error);
    }
  }

  #executor(tx: unknown): { executor: SqlExecutor; ambient?: Transactions } {
    try {
      if (tx !== undefined) return { executor: sqlOf(tx, { inTransaction: true }) };
      if (this.transactions) {
        const executor = this.transactions.sql();
        // An event is an effect: a handler that does nothing else has used its transaction.
        this.transactions.current();
        return { executor, ambient: this.transactions };
      }
    } catch (error) {
      if (isTransactionError(error, 'TRANSACTION_REQUIRED')) throw required(tx, error);
      throw error;
    }
    throw required(tx, undefined);
  }

  /** Returns whether the commit can be seen. */
  #afterCommit(transactions: Transactions, messages: readonly NewMessage[]): boolean {
    const inMs = messages.reduce((least, { due }) => Math.min(least, msUntil(due)), Infinity);
    try {
      transactions.afterCommit(() => {
        this.wake(inMs);
        this.observed.added(messages, true);
      });
      return true;
    } catch (error) {
      if (isTransactionError(error, 'TRANSACTION_ENDED')) throw late(error);
      // Opened by the library itself, so nobody sees the commit: the relay finds the messages when it polls.
      if (!isTransactionError(error, 'TRANSACTION_UNSUPPORTED')) throw error;
      return false;
    }
  }
}

const AMBIENT: AddOptions = {};

function checkOptions(options: AddOptions): void {
  if (options === AMBIENT) return;
  const unknown = Object.keys(options).filter((name) => name !== 'tx');
  if (unknown.length === 0) return;
  throw new OutboxMessageInvalidError(
    unknown.map((name) => `options.${name}: there is no such option. Known is tx.`),
  );
}

/** What it wrote was rolled back together with everything else: `run()` commits nothing while something is at work. */
function late(cause: unknown): TransactionEndedError {
  return new TransactionEndedError(
    'Outbox.add() was still at work when its transaction ended, which was rolled back for that. Await add() inside run().',
    { cause },
  );
}

function msUntil(due: Due | null): number {
  if (!due) return 0;
  return 'inMs' in due ? due.inMs : due.atMs - Date.now();
}

function required(tx: unknown, cause: unknown): OutboxTransactionRequiredError {
  const what =
    tx === undefined
      ? 'Outbox.add() was called outside a transaction'
      : 'Outbox.add() was given a handle that is not inside a transaction';
  return new OutboxTransactionRequiredError(
    `${what}; nothing was written. Call it inside transactions.run(…) of @acme/nest-transaction (import TransactionModule), ` +
      'together with the change the message tells of, or pass the handle of your own open transaction: outbox.add(message, { tx }).',
    { cause },
  );
}
