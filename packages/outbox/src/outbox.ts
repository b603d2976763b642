import { EventSink } from '@acme/nest-message-context';
import {
  isTransactionError,
  sqlOf,
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
import { OutboxTransactionRequiredError } from './outbox.errors.js';

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
  async add(messages: object, options: AddOptions = {}): Promise<void> {
    await this.take(messages, options);
  }

  /**
   * @internal As `add()`, but a refusal is thrown at once, for callers whose callers may not look at the promise: that one
   * may be left alone.
   */
  take(messages: object, options: AddOptions = {}): Promise<true> {
    const list: readonly unknown[] = Array.isArray(messages) ? messages : [messages];
    return this.observed.adding(list.length, contextHeaders(), (adding) => {
      const made = toNewMessages(list, adding.headers);
      adding.of(made);
      return this.#write(made, options);
    });
  }

  #write(made: readonly NewMessage[], options: AddOptions): Promise<true> {
    const { executor, ambient } = this.#executor(options.tx);
    if (made.length === 0) return Promise.resolve(true);
    const write = async (): Promise<true> => {
      if (!this.#isPrepared) await this.prepare();
      try {
        await this.store.insert(executor, made, this.rules);
      } catch (error) {
        // Of a handle whose state only the server knows.
        if (!isTransactionError(error, 'TRANSACTION_REQUIRED')) throw error;
        throw required(options.tx, error);
      }
      if (!ambient || !this.#afterCommit(ambient, made)) this.observed.added(made, false);
      return true;
    };
    if (!ambient) return write();
    // Joined, so that the transaction does not commit while this is under way, nor after it has failed, awaited or not.
    const { isOwner } = ambient;
    const written = ambient.run(write);
    if (isOwner) written.catch(() => {});
    return written;
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
      throw error;
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
      // Opened by the library itself, so nobody sees the commit: the relay finds the messages when it polls.
      if (!isTransactionError(error, 'TRANSACTION_UNSUPPORTED')) throw error;
      return false;
    }
  }
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
