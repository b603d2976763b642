import type { MessageContext, InboundMessage } from '@acme/nest-message-context';
import { toMs, type Duration } from './core/duration.js';
import { unknownOptions } from './core/unknown-options.js';
import type { IdempotencyStore } from './core/store.js';
import { IdempotencyConfigurationError } from './idempotency.errors.js';

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

/** Says whose call this is, from what guards have left on the request: `({ message }) => message.raw.user.id`. */
export type PrincipalResolver = (
  context: MessageContext,
) => string | undefined | Promise<string | undefined>;

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
}

/** Options of `IdempotencyModule.forRoot()`; what the factory of `forRootAsync()` returns. */
export interface IdempotencyModuleOptions extends IdempotencyDefaults {
  /** Keeps apart what shares a store: the name of the service. Changing it forgets every key. */
  readonly namespace: string;
  /**
   * Where claims and outcomes are kept.
   * @default new InMemoryIdempotencyStore(), which is refused in production
   */
  readonly store?: IdempotencyStore | undefined;
  /**
   * Creates or upgrades the tables of an SQL store at boot.
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
   * @default 'auto': 'transaction' with an SQL store, 'lease' with any other
   */
  readonly mode?: IdempotencyMode | 'auto' | undefined;
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
   * Makes a plain value of the result before it is stored and replied. Needed where handlers return class instances: apply
   * there what your serializer leaves out (`instanceToPlain`).
   */
  readonly serialize?: ((result: unknown) => unknown) | undefined;
}

/** Longer than this, Node's timers fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const DURATIONS = ['ttl', 'lockTtl', 'maxLockHold', 'retryAfter', 'storeTimeout'] as const;
const TIMERS: readonly string[] = ['lockTtl', 'maxLockHold', 'retryAfter', 'storeTimeout'];

/** These would be wrong on another response: cookies, framing, and what belongs to one connection or moment. */
const NEVER_REPLAYED = [
  'set-cookie',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'trailer',
  'date',
  'proxy-authenticate',
  'www-authenticate',
];

const REPLAYED = [
  'content-type',
  'content-location',
  'location',
  'etag',
  'last-modified',
  'link',
] as const;

/** What is wrong with options that both the module and a handler may have; each with its remedy. */
export function problemsOfDefaults(options: IdempotencyDefaults): string[] {
  const given = options as Readonly<Record<string, unknown>>;
  const problems = DURATIONS.flatMap((name) => {
    if (given[name] === undefined) return [];
    const ms = toMs(given[name]);
    if (ms === undefined)
      return [
        `${name}: ${show(given[name])} is no duration. Give milliseconds, or '30s', '15m', '6h', '3d'.`,
      ];
    return TIMERS.includes(name) && ms > LONGEST_TIMER_MS
      ? [`${name}: ${show(given[name])} is longer than a timer can be. Give at most '24d'.`]
      : [];
  });
  const { waitTimeout, principal } = options;
  if (waitTimeout !== undefined && waitTimeout !== 0 && toMs(waitTimeout) === undefined)
    problems.push(`waitTimeout: ${show(waitTimeout)} is no duration. Give 0, or '500ms', '5s'.`);
  if (principal !== undefined && principal !== false && typeof principal !== 'function')
    problems.push(`principal: ${show(principal)} is no function. Give one, or false.`);
  return problems;
}

const OF_DEFAULTS = ['ttl', 'lockTtl', 'maxLockHold', 'waitTimeout', 'retryAfter', 'principal'];

const OF_MODULE = [
  'namespace',
  'store',
  'migrate',
  'storeTimeout',
  'replayHeaders',
  'allowInMemoryStorage',
  ...OF_DEFAULTS,
];

const OF_CALL = [
  'keyFrom',
  'name',
  'required',
  'fingerprint',
  'mode',
  'effect',
  'isolation',
  'serialize',
  ...OF_DEFAULTS,
];

const LEVELS: readonly unknown[] = ['read committed', 'repeatable read', 'serializable'];

/** What is wrong with the options that only a handler, or a piece of code, has; each with its remedy. */
export function problemsOfCall(options: IdempotentOptions): string[] {
  const given = options as Readonly<Record<string, unknown>>;
  const wrong = (name: string, remedy: string): string[] => [
    `${name}: ${show(given[name])} cannot be used. ${remedy}`,
  ];
  const { keyFrom, name, fingerprint, effect, isolation, serialize } = given;
  const sources = keyFrom === undefined ? [] : [keyFrom].flat();
  return [
    ...unknownOptions(options, OF_CALL),
    ...(keyFrom === undefined || (sources.length > 0 && sources.every(isKeySource))
      ? []
      : wrong(
          'keyFrom',
          "Give { header: 'name' }, { payload: 'path' }, { property: 'messageId' }, a function, or a list of these.",
        )),
    ...(name === undefined || (typeof name === 'string' && name.trim() !== '')
      ? []
      : wrong('name', 'Give a text that will not change.')),
    ...(['undefined', 'boolean', 'function'].includes(typeof fingerprint)
      ? []
      : wrong('fingerprint', 'Give true, false, or a function that picks what counts.')),
    ...(effect === undefined || effect === 'transaction' || effect === 'none'
      ? []
      : wrong('effect', "Give 'transaction' or 'none'.")),
    ...(isolation === undefined || LEVELS.includes(isolation)
      ? []
      : wrong('isolation', `Give one of '${LEVELS.join("', '")}'.`)),
    ...(serialize === undefined || typeof serialize === 'function'
      ? []
      : wrong('serialize', 'Give a function that makes a plain value of the result.')),
  ];
}

function isKeySource(source: unknown): boolean {
  if (typeof source === 'function') return true;
  if (typeof source !== 'object' || source === null) return false;
  const { header, payload, property } = source as Readonly<Record<string, unknown>>;
  return (
    property === 'messageId' || [header, payload].some((at) => typeof at === 'string' && at !== '')
  );
}

/** Module options with every default filled in. */
export interface ResolvedModuleOptions {
  readonly namespace: string;
  readonly store: IdempotencyStore | undefined;
  readonly migrate: boolean;
  readonly storeTimeoutMs: number;
  readonly replayHeaders: readonly string[];
  readonly defaults: IdempotencyDefaults;
}

/** @throws {IdempotencyConfigurationError} that lists everything that is wrong */
export function resolveModuleOptions(
  options: IdempotencyModuleOptions | undefined,
  production: boolean,
): ResolvedModuleOptions {
  const given: Partial<IdempotencyModuleOptions> = options ?? {};
  const problems = [
    ...unknownOptions(given, OF_MODULE),
    ...problemsOfDefaults(given),
    ...problemsOfNamespace(given.namespace),
    ...problemsOfStore(given, production),
    ...problemsOfHeaders(given.replayHeaders),
  ];
  if (problems.length > 0) throw new IdempotencyConfigurationError(problems);
  const { ttl, lockTtl, maxLockHold, waitTimeout, retryAfter, principal } = given;
  return {
    namespace: given.namespace!,
    store: given.store,
    migrate: given.migrate ?? false,
    storeTimeoutMs: toMs(given.storeTimeout) ?? 5_000,
    replayHeaders: (given.replayHeaders ?? REPLAYED).map((name) => name.toLowerCase()),
    defaults: { ttl, lockTtl, maxLockHold, waitTimeout, retryAfter, principal },
  };
}

function problemsOfNamespace(namespace: unknown): string[] {
  return typeof namespace === 'string' && namespace.trim() !== ''
    ? []
    : [
        `namespace: ${show(namespace)} is no name. Give the name of the service, for example 'billing'.`,
      ];
}

function problemsOfStore(
  { store, allowInMemoryStorage }: Partial<IdempotencyModuleOptions>,
  production: boolean,
): string[] {
  if (
    store !== undefined &&
    typeof (store as Partial<IdempotencyStore> | null)?.claim !== 'function'
  )
    return [
      `store: ${show(store)} is no store. Give new PostgresIdempotencyStore() or new RedisIdempotencyStore(client).`,
    ];
  const volatile = store === undefined || (store.kind === 'lease' && store.volatile === true);
  return volatile && production && !allowInMemoryStorage
    ? [
        'store: keys kept in memory protect nothing when there is another process or a restart. Give new PostgresIdempotencyStore() or new RedisIdempotencyStore(client), or say allowInMemoryStorage: true.',
      ]
    : [];
}

function problemsOfHeaders(headers: readonly string[] | undefined): string[] {
  return (headers ?? [])
    .filter((name) => typeof name !== 'string' || NEVER_REPLAYED.includes(name.toLowerCase()))
    .map((name) => `replayHeaders: ${show(name)} must not be replayed. Take it out.`);
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return String(value);
  return `a ${value.constructor?.name ?? 'null-prototype'} object`;
}
