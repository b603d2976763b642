import type { MessageContext, InboundMessage } from '@acme/nest-message-context';
import type { Duration } from './core/duration.js';
import type { EncryptionOptions } from './core/sealing.js';
import type { IdempotencyStore } from './core/store.js';

/** What a key function gets. */
export interface KeyCall {
  /** The message being handled; undefined for a plain call of a method. */
  readonly message: InboundMessage | undefined;
  /** What the method was called with, after pipes. */
  readonly args: readonly unknown[];
}

/** Where a key comes from. Of several, the first that has one wins. */
export type KeySource =
  | { readonly header: string }
  /** A dotted path: into the message as the handler gets it, or, for a plain method, into its first argument. */
  | { readonly payload: string }
  /** AMQP's `messageId`. */
  | { readonly property: 'messageId' }
  | ((call: KeyCall) => unknown);

/** Whose call it is: a text, or a number as ids of users often are. */
export type Principal = string | number | bigint;

/** Says whose call this is, from what guards have left on the request: `({ message }) => message.raw.user.id`. */
export type PrincipalResolver = (
  context: MessageContext,
) => Principal | undefined | Promise<Principal | undefined>;

/** `transaction`: exactly-once effect. `lease`: one runner at a time, one recorded outcome. */
export type IdempotencyMode = 'transaction' | 'lease';

/** Options that the module gives to all handlers and a handler may give for itself. */
export interface IdempotencyDefaults {
  /**
   * How long an outcome is kept. It must be longer than anybody repeats a call, redeliveries from a dead-letter queue
   * included.
   * @default '24h' for requests, '7d' for events
   */
  readonly ttl?: Duration | undefined;
  /**
   * How long a claim outlives a process that died, in lease mode; it is renewed every third of it.
   * @default '30s'
   */
  readonly lockTtl?: Duration | undefined;
  /**
   * How long a handler may run before its lease is no longer renewed.
   * @default '15m'
   */
  readonly maxLockHold?: Duration | undefined;
  /**
   * How long a duplicate waits for the call that is under way; never beyond its own deadline. 0 refuses it at once.
   * @default 0 on HTTP, '1s' for events, else the deadline, and '5s' where there is none
   */
  readonly waitTimeout?: Duration | undefined;
  /**
   * What a refused duplicate is told to wait before it comes again.
   * @default '1s'
   */
  readonly retryAfter?: Duration | undefined;
  /**
   * Whose calls they are, on HTTP and gRPC: without it, whoever guesses a key is shown another caller's reply. `false` says
   * that all callers are one.
   */
  readonly principal?: PrincipalResolver | false | undefined;
  /**
   * Whether an error of the handler is final: then it is kept and replayed like a result, and nobody runs the call again. Only
   * for errors that no repetition can cure: it is not asked about statuses 408, 409, 425, 429 and 500 or more, nor about errors
   * that have no status (those of `HttpException`, `RpcException` and of the signals have one). In a transaction that was
   * opened around the call, errors are not kept.
   * @default none is
   */
  readonly storeIf?: ((status: number, error: unknown) => boolean) | undefined;
  /**
   * How often an event is tried before it is parked, however its queue counts. Counted where it is claimed, in transaction mode
   * from the first redelivery on. `false`: its queue decides.
   * @default 20, as RabbitMQ 4 has it for quorum queues
   */
  readonly maxAttempts?: number | false | undefined;
  /**
   * What becomes of a call while the store cannot be asked: refused (`closed`), or run without protection (`open`), which is a
   * decision to have effects twice. Lease mode only: a transaction has its database to ask anyway.
   * @default 'closed'
   */
  readonly onStoreError?: 'closed' | 'open' | undefined;
  /**
   * Bytes of the largest reply that is kept, as JSON and before encryption. A larger one goes out, and its duplicates are
   * refused (`IDEMPOTENCY_REPLY_NOT_KEPT`).
   * @default 262_144, which is 256 KiB
   */
  readonly maxReplySize?: number | undefined;
}

/** How a call comes in: by HTTP, by gRPC, as a message with or without a reply, or as a call of a plain method. */
export type CallKind = 'http' | 'grpc' | 'request' | 'event' | 'method';

/** Options of `IdempotencyModule.forRoot()`; what the factory of `forRootAsync()` returns. */
export interface IdempotencyModuleOptions extends IdempotencyDefaults {
  /** Keeps apart what shares a store: the name of the service. Changing it forgets every key. */
  readonly namespace: string;
  /**
   * Where claims and outcomes are kept.
   * @default new InMemoryIdempotencyStore(), which is refused in production
   */
  readonly store?: IdempotencyStore | undefined;
  /** Further stores, which handlers choose by name: `@Idempotent({ store: 'fast' })`. */
  readonly stores?: Readonly<Record<string, IdempotencyStore>> | undefined;
  /** What handlers get by the way they are called, before what they all get: `{ http: { ttl: '1h' } }`. */
  readonly defaults?: Readonly<Partial<Record<CallKind, IdempotencyDefaults>>> | undefined;
  /**
   * Removes what has expired from SQL stores, one process at a time. `false` leaves that to `npx nest-idempotency purge`.
   * @default { every: '1m', limit: 1000 }
   */
  readonly purge?: PurgeOptions | false | undefined;
  /**
   * Creates or upgrades the tables of SQL stores at boot.
   * @default false
   */
  readonly migrate?: boolean | undefined;
  /**
   * How long a lease store may take for one answer.
   * @default '5s'
   */
  readonly storeTimeout?: Duration | undefined;
  /**
   * Headers of an HTTP reply that are stored and replayed with it.
   * @default content-type, content-location, location, etag, last-modified, link
   */
  readonly replayHeaders?: readonly string[] | undefined;
  /**
   * Lets a store that forgets everything with its process run in production.
   * @default false
   */
  readonly allowInMemoryStorage?: boolean | undefined;
  /**
   * Encrypts stored replies with AES-256-GCM. Those that were stored before stay readable.
   * @default replies are stored in the clear
   */
  readonly encryption?: EncryptionOptions | undefined;
}

/** How expired records are removed. */
export interface PurgeOptions {
  /** @default '1m' */
  readonly every?: Duration | undefined;
  /**
   * How many at most in one statement; a full one is followed by the next at once.
   * @default 1000
   */
  readonly limit?: number | undefined;
}

/** Options of `@Idempotent()`. */
export interface IdempotentOptions extends IdempotencyDefaults {
  /**
   * Where the key comes from.
   * @default the header `idempotency-key`; then `request_id` of a gRPC request, `messageId` of a message
   */
  readonly keyFrom?: KeySource | readonly KeySource[] | undefined;
  /**
   * Stable name of the handler, part of what a key belongs to. Give one before you rename a class or a method: under another
   * name, every message that was handled looks new.
   * @default 'Class.method'
   */
  readonly name?: string | undefined;
  /**
   * Whether a call without a key is refused. `false` runs it, unprotected.
   * @default true
   */
  readonly required?: boolean | undefined;
  /**
   * Whether a key that comes again must come with the same request; a function says what of the request counts.
   * @default true for requests, as they were received; false for events and plain methods
   */
  readonly fingerprint?: boolean | ((payload: unknown) => unknown) | undefined;
  /**
   * Which of the two promises is made; `'auto'` takes the one that the store can make. Refused at boot where it cannot.
   * @default 'auto': 'transaction' with an SQL store in the database of `TransactionModule`, else 'lease'
   */
  readonly mode?: IdempotencyMode | 'auto' | undefined;
  /**
   * Which of the module's `stores` keeps it.
   * @default the module's `store`
   */
  readonly store?: string | undefined;
  /**
   * `'none'` says that the handler has nothing to write in the transaction. Otherwise one that never took its handle is
   * refused (`TRANSACTION_UNUSED`). That is all that can be seen: not what is done with the handle, nor what is done beside
   * it over another connection, which is neither undone nor kept from being repeated.
   * @default 'transaction'
   */
  readonly effect?: 'transaction' | 'none' | undefined;
  /**
   * Isolation level of the transaction. A claim that the database gives up for the sake of others (SQLSTATE 40001) is made
   * again; once the handler runs, that error is thrown.
   * @default the database's
   */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable' | undefined;
  /**
   * Makes a plain value of the result before it is stored and replied. Needed where handlers return class instances and
   * no `ClassSerializerInterceptor` stands around them, or one that cannot be asked: apply what that leaves out
   * (`instanceToPlain`). It then takes the place of the interceptor before the reply is stored, which still runs after it.
   */
  readonly serialize?: ((result: unknown) => unknown) | undefined;
}
