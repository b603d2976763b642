import { Logger } from '@nestjs/common';
import type { Publisher } from '@acme/nest-message-context';
import type { StoredEntry } from '../contracts/messages.js';
import type { OutboxStore } from '../contracts/outbox-store.js';
import type { HeldBack, Parked } from '../core/settle-plan.js';
import { OutboxConfigurationError, OutboxRelayRunningError } from '../outbox.errors.js';
import type { RelaySource } from '../observability/gauges.js';
import { Observability } from '../observability/observability.js';
import { answerWithin } from './answer-within.js';
import { Outage } from './outage.js';
import { LEAVE_MS, RelayEngine, type EngineEvents } from './relay-engine.js';
import type { RelaySettings } from './relay-settings.js';
import { Signal } from './signal.js';

/** What one run of the relay did. */
export interface RelayRun {
  /** Messages that the broker has confirmed and that were removed. */
  readonly published: number;
  /** Failures of messages that will be tried again. */
  readonly heldBack: number;
  /** Messages that were given up and parked. */
  readonly parked: number;
  /** Whether it ended because the broker does not answer; the messages are still there. */
  readonly brokerDown: boolean;
}

const STORE_RETRY_MS = 500;

/** Publishes what was added and committed. One in each process is enough; those of all processes share the lanes. */
export class OutboxRelay {
  readonly #logger: Logger;
  readonly #signal = new Signal();
  #running: Promise<void> | undefined;
  #stopBy = Infinity;
  #giveUp: NodeJS.Timeout | undefined;
  #engine: RelayEngine | undefined;
  readonly #brokerOutage = new Outage();
  readonly #databaseOutage = new Outage();
  #totals = { published: 0, heldBack: 0, parked: 0 };

  /** @internal Made by `OutboxModule`. */
  constructor(
    private readonly store: OutboxStore,
    private readonly publisher: Publisher | undefined,
    private readonly settings: RelaySettings & { readonly stopTimeoutMs: number },
    feature?: string,
    private readonly observed = new Observability(feature ?? 'default'),
  ) {
    this.#logger = new Logger(feature === undefined ? 'OutboxRelay' : `OutboxRelay ${feature}`);
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** For how many milliseconds the broker has not answered this relay; undefined while it does, or is not asked. */
  get brokerDownMs(): number | undefined {
    return this.#brokerOutage.lastsMs;
  }

  /** The same of the database. */
  get databaseDownMs(): number | undefined {
    return this.#databaseOutage.lastsMs;
  }

  /**
   * Looks for messages now, rather than with the next poll; or in so many milliseconds, when one is due then. Cheap; may be
   * called from anywhere, at any time.
   */
  readonly wake = (inMs = 0): void => {
    if (inMs > 0) this.#engine?.dueIn(inMs);
    this.#signal.raise();
  };

  /** @internal As `wake()`, also at what waits: parked messages were put back or thrown away. */
  readonly moved = (): void => {
    this.#engine?.lookAtWaiting();
    this.wake();
  };

  /** Starts publishing; does nothing while it runs. `OutboxModule` calls it when the application has started. */
  start(): void {
    if (this.#running) return;
    this.#running = this.#run(this.#publisher(), () => false);
    this.#logger.log(`Publishes what is added and committed, in ${this.store.lanes} lanes.`);
    this.observed.relaying(this.#source());
  }

  /**
   * Publishes everything that can be published now, and returns: for tests, for functions that are billed by the second. It
   * takes the lanes that are free; what another relay holds stays with that one.
   *
   * @throws {OutboxRelayRunningError} while the relay runs
   * @throws {OutboxConfigurationError} when the module was given no publisher
   * @throws the database's error when it does not answer
   */
  async runOnce(): Promise<RelayRun> {
    if (this.#running) {
      throw new OutboxRelayRunningError(
        "The relay runs by itself. Give relay: { mode: 'off' } where you call runOnce(), or wait for the message instead.",
      );
    }
    const before = { ...this.#totals };
    let failure: { readonly error: unknown } | undefined;
    let brokerDown = false;
    const onFailure = (error: unknown): void => void (failure ??= { error });
    this.#running = this.#run(
      this.#publisher(),
      (engine) => {
        brokerDown = engine.isBrokerDown;
        return engine.isCaughtUp || brokerDown || failure !== undefined;
      },
      onFailure,
    );
    await this.#running;
    if (failure) throw failure.error;
    const { published, heldBack, parked } = this.#totals;
    return {
      published: published - before.published,
      heldBack: heldBack - before.heldBack,
      parked: parked - before.parked,
      brokerDown,
    };
  }

  /**
   * Stops reading, waits for what is under way, gives the lanes back. Resolves after `relay.stopTimeout` at the latest: what
   * is still under way then is published once more by the next relay.
   */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#stopInTime();
    this.wake();
    await this.#running;
  }

  /** What is under way need not end: the broker or the database may be away. */
  #stopInTime(): void {
    if (this.#stopBy < Infinity) return;
    const ms = Math.max(0, this.settings.stopTimeoutMs - LEAVE_MS);
    this.#stopBy = performance.now() + ms;
    this.#giveUp = setTimeout(() => this.#engine?.giveUp(), ms);
  }

  async #run(
    publisher: Publisher,
    isDone: (engine: RelayEngine) => boolean,
    onFailure: (error: unknown) => void = (error) => this.#onStoreError(error),
  ): Promise<void> {
    this.#stopBy = Infinity;
    const engine = (this.#engine = new RelayEngine(
      this.store,
      this.observed.traced(publisher),
      this.settings,
      this.#events(onFailure),
    ));
    let draining = false;
    for (;;) {
      const stop = this.#stopBy < Infinity || isDone(engine);
      if (stop && !draining) {
        draining = true;
        this.#stopInTime();
        engine.drain();
      }
      if (draining && (engine.isIdle || performance.now() >= this.#stopBy)) break;
      const pause = await this.#step(engine, onFailure);
      await this.#signal.wait(Math.min(pause, this.#stopBy - performance.now(), 60_000));
    }
    clearTimeout(this.#giveUp);
    await engine.close(Math.min(this.#stopBy - performance.now(), 5_000)).catch(onFailure);
    this.observed.relaying(undefined);
    for (const outage of [this.#brokerOutage, this.#databaseOutage]) outage.end();
    this.#running = this.#engine = undefined;
  }

  #source(): RelaySource {
    const engine = () => this.#engine;
    const { store, settings } = this;
    return {
      get isBrokerDown() {
        return engine()?.isBrokerDown === true;
      },
      get holdsFirstLane() {
        return engine()?.holdsFirstLane === true;
      },
      status: () => answerWithin(settings.leaseMs, store.operations.status()),
    };
  }

  #publisher(): Publisher {
    if (this.publisher) return this.publisher;
    throw new OutboxConfigurationError([
      'publisher: missing. Give one where messages are published, also by runOnce().',
    ]);
  }

  async #step(engine: RelayEngine, onFailure: (error: unknown) => void): Promise<number> {
    this.observed.look();
    try {
      const pause = await engine.step();
      const downMs = this.#databaseOutage.end();
      if (downMs !== undefined) {
        this.#logger.log('The database answers again.');
        this.observed.up('database_up', downMs);
      }
      return pause;
    } catch (error) {
      onFailure(error);
      return STORE_RETRY_MS;
    }
  }

  #onStoreError(error: unknown): void {
    if (!this.#databaseOutage.begin()) return;
    this.#logger.error(
      'The database does not answer, or refuses; what was added waits there.',
      error,
    );
    this.observed.down('database_down', error);
  }

  #events(onFailure: (error: unknown) => void): EngineEvents {
    return {
      wake: this.wake,
      failed: onFailure,
      isMeasured: () => this.observed.isWanted,
      confirmed: (row) => this.observed.confirmed(row),
      published: (rows) => {
        this.#totals.published += rows.length;
        this.observed.published(rows);
      },
      heldBack: (entry) => this.#onHeldBack(entry),
      parked: (entry) => this.#onParked(entry),
      brokerDown: (error) => this.#onBrokerDown(error),
      brokerUp: () => this.#onBrokerUp(),
      takenOver: (lanes) => {
        this.#logger.warn(
          `Took over ${lanes} lane(s) of a relay that has not renewed its lease: it has died or hangs.`,
        );
        this.observed.lanes('lanes_taken_over', lanes);
      },
      leaseLost: (lanes) => this.observed.lanes('lease_lost', lanes),
      suspected: (entry, deaths) => this.observed.suspected(entry, deaths),
      purged: (count) => this.observed.moved('purged', count),
    };
  }

  #onBrokerDown(error: Error | undefined): void {
    this.#brokerOutage.begin();
    this.#logger.warn(`The broker does not answer; messages wait. ${error?.message ?? ''}`);
    this.observed.down('broker_down', error);
  }

  #onBrokerUp(): void {
    this.#logger.log('The broker answers again.');
    this.observed.up('broker_up', this.#brokerOutage.end() ?? 0);
  }

  #onHeldBack(entry: HeldBack<StoredEntry>): void {
    const { row, attempts, delayMs, history } = entry;
    this.#totals.heldBack += 1;
    this.observed.heldBack(entry);
    const { code, message } = history.at(-1) ?? { code: '', message: '' };
    this.#logger.warn(
      `${row.type} ${row.messageId} was not accepted (${code}, attempt ${attempts} of ${this.settings.retry.attempts}); next try in ${delayMs} ms. ${message}`,
    );
  }

  #onParked(entry: Parked<StoredEntry>): void {
    const { row, attempts, reason } = entry;
    this.#totals.parked += 1;
    this.observed.parked(entry);
    this.#logger.error(
      `${row.type} ${row.messageId} was parked after ${attempts} attempts (${reason.code}): see npx nest-outbox parked. ${reason.message}`,
    );
  }
}
