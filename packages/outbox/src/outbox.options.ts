import { Publisher } from '@acme/nest-message-context';
import { OptionsCheck, show, type Duration } from '@acme/nest-message-context/kit';
import type { EntryRules, OutboxStore } from './contracts/outbox-store.js';
import type { RelaySettings } from './relay/relay-settings.js';
import { problemsAround, type OutboxSurroundings } from './module/surroundings.js';
import type { BrokerInfo } from './observability/broker-info.js';
import { OutboxConfigurationError } from './outbox.errors.js';
import { moduleCall } from './outbox.tokens.js';

/** How the relay works. */
export interface RelayOptions {
  /**
   * What this process does. `'embedded'` adds, and publishes as soon as the application has started. `'worker'` only
   * publishes: it needs no `Transactions`, and `add()` throws `OUTBOX_WORKER_ONLY`. `'off'` only adds: another process
   * publishes, or `runOnce()` is called.
   * @default 'embedded'
   */
  readonly mode?: 'embedded' | 'worker' | 'off' | undefined;
  /**
   * Number of lanes, hence of relays that can share the work. Fixed when the tables are created; another number than the
   * database has is an error at boot.
   * @default what the database has, 16 for new tables
   */
  readonly lanes?: number | undefined;
  /**
   * Messages that are read at once.
   * @default 500
   */
  readonly batchSize?: number | undefined;
  /**
   * Messages that are on their way or not yet removed. So many are published twice at most when the process dies.
   * @default 1000
   */
  readonly window?: number | undefined;
  /**
   * The longest pause between two looks while nothing comes. After a commit in this process the relay looks at once; after one
   * in another process as well, where the store can tell (`listen` of `PostgresOutboxStore`). It looks whenever it renews its
   * leases, too.
   * @default '1s'
   */
  readonly pollInterval?: Duration | undefined;
  /**
   * After how long without a sign of life the lanes of a relay go to others. Also how long the database may take to answer.
   * @default '10s'
   */
  readonly lease?: Duration | undefined;
  /**
   * How long the shutdown waits for what is on its way.
   * @default '10s'
   */
  readonly stopTimeout?: Duration | undefined;
}

/** What becomes of a message that the broker does not accept while it accepts others. */
export interface RetryOptions {
  /**
   * So many failures and it is parked.
   * @default 20
   */
  readonly attempts?: number | undefined;
  /**
   * Pause after the first failure. It doubles with each, and half of it is random.
   * @default '1s'
   */
  readonly backoff?: Duration | undefined;
  /**
   * The longest pause.
   * @default '5m'
   */
  readonly maxBackoff?: Duration | undefined;
  /**
   * A message is also parked when the process has died so often in a row while it was read or published.
   * @default 3
   */
  readonly crashes?: number | undefined;
  /**
   * What becomes of the later messages of a key when one is parked: `'continue'` publishes them, `'block-key'` lets them wait
   * until it is redriven or discarded.
   * @default 'continue'
   */
  readonly onPark?: 'continue' | 'block-key' | undefined;
}

/** A `Publisher` with what the module calls besides, where it is there. */
export type OutboxPublisher = Publisher & {
  /** At boot, before anything is published. Rejects when the publisher could never keep its promise. */
  prepare?(): Promise<void>;
  /** When the application shuts down, after the relay has stopped. */
  close?(): Promise<void>;
  /** Names the broker in spans and metrics, and tells the doctor which exchange has to be there. */
  readonly broker?: BrokerInfo | undefined;
};

/** Options of `OutboxModule.forRoot()`; what the factory of `forRootAsync()` returns. */
export interface OutboxModuleOptions {
  /** Where messages are kept: `new PostgresOutboxStore({ database: pool })`. */
  readonly store: OutboxStore;
  /** Who publishes them: `new RabbitMqPublisher({ connect })`. Not needed with `relay: { mode: 'off' }`. Closed with the module when it has a `close()`. */
  readonly publisher?: OutboxPublisher | undefined;
  readonly relay?: RelayOptions | undefined;
  readonly retry?: RetryOptions | undefined;
  /**
   * How long published messages are kept, to be replayed.
   * @default they are deleted when the broker has confirmed them
   */
  readonly retention?: Duration | undefined;
  /**
   * Transactions that add messages of one key wait for one another until they end, so that the order is that of the commits.
   * Not needed where they wait anyhow, for the row that the key stands for. The same in every process.
   * @default false
   */
  readonly strictOrder?: boolean | undefined;
  /**
   * Gives each message of a key the key's next number, as header `x-sequence`. Costs one more row to be written for each key
   * and transaction, and implies `strictOrder`. The same in every process.
   * @default false
   */
  readonly sequence?: boolean | undefined;
}

/** Options that must be known before any factory runs. */
export interface OutboxModuleExtras {
  /**
   * Name of the `Transactions` that `add()` joins. `false` where there are none and `add()` is always given `{ tx }`. Not used
   * with `relay: { mode: 'worker' }`.
   * @default the name of the outbox: 'default' for `forRoot()`, that of the feature for `forFeature()`
   */
  readonly transactions?: string | false;
  /**
   * Whether every module may inject `Outbox` without importing this one.
   * @default true
   */
  readonly isGlobal?: boolean;
}

/** @internal The options with their defaults. */
export interface OutboxSettings {
  readonly store: OutboxStore;
  readonly publisher: OutboxModuleOptions['publisher'];
  readonly mode: NonNullable<RelayOptions['mode']>;
  readonly lanes: number | undefined;
  readonly rules: EntryRules;
  readonly relay: RelaySettings & { readonly stopTimeoutMs: number };
}

/** @throws {OutboxConfigurationError} listing everything that is wrong, each with its remedy */
export function resolveOptions(
  options: OutboxModuleOptions | undefined,
  surroundings: OutboxSurroundings,
): OutboxSettings {
  const check = new OptionsCheck();
  check.elsewhere(
    options,
    ['transactions', 'isGlobal'],
    'given to forRoot() with the others, or to forRootAsync() beside useFactory',
  );
  const given = check.object<OutboxModuleOptions>('options', options, MODULE_OPTIONS);
  const relay = check.object<RelayOptions>('relay', given.relay, RELAY_OPTIONS);
  const retry = check.object<RetryOptions>('retry', given.retry, RETRY_OPTIONS);
  const mode = relay.mode ?? 'embedded';
  if (!MODES.includes(mode))
    check.problems.push(
      `relay.mode: ${show(mode)} is unknown. Give 'embedded', 'worker' or 'off'.`,
    );
  check.problems.push(...problemsAround(surroundings, mode));
  check.methods(
    'store',
    given.store,
    ['prepare', 'insert'],
    'new PostgresOutboxStore({ database: pool })',
  );
  if (mode !== 'off' || given.publisher !== undefined) {
    check.methods(
      'publisher',
      given.publisher,
      ['publish'],
      "new RabbitMqPublisher({ connect }), or relay: { mode: 'off' }",
    );
  }
  const rules = {
    strictOrder: check.flag('strictOrder', given.strictOrder),
    sequence: check.flag('sequence', given.sequence),
  };
  const settings = resolveRelay(check, relay, retry, given.retention, rules);
  const lanes =
    relay.lanes === undefined ? undefined : check.count('relay.lanes', relay.lanes, 16, 1_024);
  if (check.problems.length > 0)
    throw new OutboxConfigurationError(check.problems, moduleCall(surroundings.feature));
  return {
    store: given.store,
    publisher: given.publisher,
    mode,
    lanes,
    rules,
    relay: settings,
  };
}

function resolveRelay(
  check: OptionsCheck,
  relay: RelayOptions,
  retry: RetryOptions,
  retention: Duration | undefined,
  rules: EntryRules,
): OutboxSettings['relay'] {
  const { onPark = 'continue' } = retry;
  if (onPark !== 'continue' && onPark !== 'block-key') {
    check.problems.push(
      `retry.onPark: ${show(onPark)} is unknown. Give 'continue' or 'block-key'.`,
    );
  }
  const settings = {
    batchSize: check.count('relay.batchSize', relay.batchSize, 500),
    window: check.count('relay.window', relay.window, 1_000),
    pollIntervalMs: check.duration('relay.pollInterval', relay.pollInterval, '1s'),
    leaseMs: check.timeout('relay.lease', relay.lease, '10s'),
    stopTimeoutMs: check.timeout('relay.stopTimeout', relay.stopTimeout, '10s'),
    retry: {
      attempts: check.count('retry.attempts', retry.attempts, 20),
      initialMs: check.duration('retry.backoff', retry.backoff, '1s'),
      maxMs: check.duration('retry.maxBackoff', retry.maxBackoff, '5m'),
    },
    crashes: check.count('retry.crashes', retry.crashes, 3),
    blockKeyOnPark: onPark === 'block-key',
    retentionMs: retention === undefined ? undefined : check.duration('retention', retention, '1d'),
    rules,
  };
  const { initialMs, maxMs } = settings.retry;
  if (retry.backoff !== undefined && initialMs > maxMs) {
    check.problems.push(
      `retry.backoff: ${show(retry.backoff)} is longer than retry.maxBackoff, ${show(retry.maxBackoff ?? '5m')}. Raise that as well.`,
    );
  }
  return settings;
}

const MODES: readonly string[] = ['embedded', 'worker', 'off'];

const MODULE_OPTIONS = [
  'store',
  'publisher',
  'relay',
  'retry',
  'retention',
  'strictOrder',
  'sequence',
];

const RETRY_OPTIONS = ['attempts', 'backoff', 'maxBackoff', 'crashes', 'onPark'];

const RELAY_OPTIONS = [
  'mode',
  'lanes',
  'batchSize',
  'window',
  'pollInterval',
  'lease',
  'stopTimeout',
];
