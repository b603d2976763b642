import { toMs } from '../core/duration.js';
import { problemsOfHeaders, REPLAYED } from '../core/replayed-headers.js';
import { problemsOfEncryption, Sealing } from '../core/sealing.js';
import { show } from '../core/show.js';
import type { IdempotencyStore } from '../core/store.js';
import { unknownOptions } from '../core/unknown-options.js';
import { IdempotencyConfigurationError } from '../idempotency.errors.js';
import type {
  CallKind,
  IdempotencyDefaults,
  IdempotencyModuleOptions,
  PurgeOptions,
} from '../idempotency.options.js';
import { InMemoryIdempotencyStore } from '../stores/memory/in-memory.store.js';
import { isCount, LONGEST_TIMER_MS, OF_DEFAULTS, problemsOfDefaults } from './call-options.js';

/** What a handler that names no store gets. */
export const DEFAULT_STORE = 'default';

const OF_MODULE = [
  'namespace',
  'store',
  'stores',
  'defaults',
  'purge',
  'migrate',
  'storeTimeout',
  'replayHeaders',
  'allowInMemoryStorage',
  'encryption',
  ...OF_DEFAULTS,
];

const KINDS: readonly CallKind[] = ['http', 'grpc', 'request', 'event', 'method'];

/** Module options with every default filled in. */
export interface ResolvedModuleOptions {
  readonly namespace: string;
  /** By name; `default` is the one that handlers get who name none. */
  readonly stores: ReadonlyMap<string, IdempotencyStore>;
  readonly migrate: boolean;
  readonly storeTimeoutMs: number;
  readonly purge: { readonly everyMs: number; readonly limit: number } | undefined;
  readonly replayHeaders: readonly string[];
  readonly sealing: Sealing | undefined;
  readonly defaults: IdempotencyDefaults;
  readonly defaultsOf: Readonly<Partial<Record<CallKind, IdempotencyDefaults>>>;
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
    ...problemsOfKinds(given.defaults),
    ...problemsOfNamespace(given.namespace),
    ...problemsOfStores(given, production),
    ...problemsOfPurge(given.purge),
    ...problemsOfHeaders(given.replayHeaders),
    ...problemsOfEncryption(given.encryption),
  ];
  if (problems.length > 0) throw new IdempotencyConfigurationError(problems);
  const { store = new InMemoryIdempotencyStore(), stores = {}, purge = {} } = given;
  return {
    namespace: given.namespace!,
    stores: new Map([[DEFAULT_STORE, store], ...Object.entries(stores)]),
    migrate: given.migrate ?? false,
    storeTimeoutMs: toMs(given.storeTimeout) ?? 5_000,
    purge: purge === false ? undefined : resolvePurge(purge),
    replayHeaders: (given.replayHeaders ?? REPLAYED).map((name) => name.toLowerCase()),
    sealing: given.encryption && new Sealing(given.encryption),
    defaults: Object.fromEntries(
      OF_DEFAULTS.map((name) => [name, given[name as keyof IdempotencyDefaults]]),
    ) as IdempotencyDefaults,
    defaultsOf: given.defaults ?? {},
  };
}

const resolvePurge = ({ every = '1m', limit = 1_000 }: PurgeOptions) => ({
  everyMs: toMs(every)!,
  limit,
});

function problemsOfKinds(defaults: unknown): string[] {
  if (defaults === undefined) return [];
  if (typeof defaults !== 'object' || defaults === null)
    return [`defaults: ${show(defaults)} is no object. Give { http: { ttl: '1h' } }.`];
  return Object.entries(defaults as Record<string, object>).flatMap(([kind, own]) =>
    KINDS.includes(kind as CallKind)
      ? [
          ...unknownOptions(own, OF_DEFAULTS),
          ...problemsOfDefaults(own),
          ...problemsOfAttempts(kind as CallKind, own),
        ].map((problem) => `defaults.${kind}.${problem}`)
      : [`defaults.${kind}: there is no such kind of call. Known are ${KINDS.join(', ')}.`],
  );
}

/** An option that does nothing would be believed to do something. */
const problemsOfAttempts = (kind: CallKind, { maxAttempts }: IdempotencyDefaults): string[] =>
  kind === 'event' || maxAttempts === undefined
    ? []
    : [
        'maxAttempts: only events are delivered again. Give it to them: defaults.event.maxAttempts.',
      ];

function problemsOfPurge(purge: PurgeOptions | false | undefined): string[] {
  if (purge === undefined || purge === false) return [];
  const { every, limit } = purge;
  const problems = unknownOptions(purge, ['every', 'limit']);
  const everyMs = every === undefined ? 1_000 : (toMs(every) ?? 0);
  if (everyMs < 1_000 || everyMs > LONGEST_TIMER_MS)
    problems.push(`every: ${show(every)} cannot be used. Give '1s' to '24d'.`);
  if (limit !== undefined && !isCount(limit))
    problems.push(`limit: ${show(limit)} is no count. Give 1 or more.`);
  return problems.map((problem) => `purge.${problem}`);
}

function problemsOfNamespace(namespace: unknown): string[] {
  return typeof namespace === 'string' && namespace.trim() !== ''
    ? []
    : [
        `namespace: ${show(namespace)} is no name. Give the name of the service, for example 'billing'.`,
      ];
}

function problemsOfStores(
  { store, stores = {}, allowInMemoryStorage }: Partial<IdempotencyModuleOptions>,
  production: boolean,
): string[] {
  const named = Object.entries(stores).map(([name, one]) => [`stores.${name}`, name, one] as const);
  const all = [
    ['store', DEFAULT_STORE, store ?? new InMemoryIdempotencyStore()] as const,
    ...named,
  ];
  return all.flatMap(([option, name, one]) => {
    if (name === DEFAULT_STORE && option !== 'store')
      return [`${option}: "default" is the name of the one given as store. Give it another name.`];
    if (typeof (one as Partial<IdempotencyStore> | null)?.claim !== 'function')
      return [
        `${option}: ${show(one)} is no store. Give new PostgresIdempotencyStore(), new MariaDbIdempotencyStore() or new RedisIdempotencyStore(client).`,
      ];
    return one.volatile && production && !allowInMemoryStorage
      ? [
          `${option}: keys kept in memory protect nothing when there is another process or a restart, and NODE_ENV is "production". Give new PostgresIdempotencyStore(), new MariaDbIdempotencyStore() or new RedisIdempotencyStore(client), or say allowInMemoryStorage: true.`,
        ]
      : [];
  });
}
