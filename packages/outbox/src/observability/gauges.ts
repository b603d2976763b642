import type {
  Attributes,
  BatchCallback,
  MeterLike,
} from '@acme/nest-message-context/observability';
import type { OutboxStatus } from '../contracts/messages.js';

/** What the gauges show. */
export interface RelaySource {
  readonly isBrokerDown: boolean;
  /** Whether this relay holds lane 0: one of all relays of an outbox does. */
  readonly holdsFirstLane: boolean;
  /** What is in the outbox; rejects when the database does not answer. */
  status(): Promise<OutboxStatus>;
}

/** Metrics may be collected every second, by several readers; the database is asked no more often than this. */
const STATUS_EVERY_MS = 10_000;

const CONTENTS: readonly [keyof OutboxStatus, string, string, string][] = [
  ['pending', 'outbox.pending', '{message}', 'Messages that could be published now.'],
  ['delayed', 'outbox.delayed', '{message}', 'Messages whose time has not come.'],
  ['waiting', 'outbox.waiting', '{message}', 'Messages of keys whose first one has failed.'],
  ['blocked', 'outbox.blocked', '{key}', 'Keys that have failed and wait.'],
  ['parked', 'outbox.parked_now', '{message}', 'Messages that were given up and are still there.'],
  ['oldestAgeMs', 'outbox.oldest_age', 's', 'Age of the oldest message that could be published.'],
];

/**
 * What is in the outbox, told by one relay: by that which holds lane 0. All others tell 0, so that a sum over the replicas is
 * the truth, and so is their maximum. Nothing would not do: an SDK goes on with the last value of whoever told one before.
 */
export class Gauges {
  /** The relay that runs; undefined while none does. */
  source: RelaySource | undefined;
  #status: Promise<OutboxStatus | undefined> | undefined;
  #askedAt = -Infinity;
  #ended = false;
  /** From now on nothing is told. */
  readonly remove: () => void;

  constructor(
    meter: MeterLike,
    private readonly attributes: Attributes,
  ) {
    const breaker = meter.createObservableGauge('outbox.breaker', {
      description: 'Whether the broker does not answer this relay: 1 then, otherwise 0.',
      unit: '1',
    });
    const contents = CONTENTS.map(([field, name, unit, description]) => ({
      field,
      scale: unit === 's' ? 0.001 : 1,
      gauge: meter.createObservableGauge(name, { description, unit }),
    }));
    const observe: BatchCallback = async (result) => {
      result.observe(breaker, this.source?.isBrokerDown ? 1 : 0, this.attributes);
      const status = this.source?.holdsFirstLane ? await this.#look(this.source) : NOTHING;
      for (const { field, scale, gauge } of status ? contents : [])
        result.observe(gauge, (status?.[field] ?? 0) * scale, this.attributes);
      if (this.#ended) queueMicrotask(this.remove);
    };
    const all = [breaker, ...contents.map(({ gauge }) => gauge)];
    meter.addBatchObservableCallback(observe, all);
    this.remove = () => meter.removeBatchObservableCallback(observe, all);
  }

  /** The application has shut down, perhaps not the process: 0 is told once more. */
  end(): void {
    this.source = undefined;
    this.#ended = true;
  }

  /** Undefined where the database does not answer: then there is nothing to tell, and the relay says so elsewhere. */
  #look(source: RelaySource): Promise<OutboxStatus | undefined> {
    const now = performance.now();
    if (!this.#status || now - this.#askedAt >= STATUS_EVERY_MS) {
      this.#askedAt = now;
      this.#status = source.status().catch(() => undefined);
    }
    return this.#status;
  }
}

const NOTHING: Partial<OutboxStatus> = {};
