import {
  OtelScope,
  type Adding,
  type Attributes,
  type MeterLike,
  type OtelApi,
  type Recording,
} from '@acme/nest-message-context/observability';
import type { CountByType, OutboxActivity } from './event.js';
import { Gauges, type RelaySource } from './gauges.js';
import { SCOPE } from './scope.js';

/** Seconds: from a few milliseconds, which is usual, to the half hour of an outage. */
const BUCKETS = [
  0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800,
];

/** Metrics of OpenTelemetry. Names, units and attributes stand in `docs/reference/outbox-metrics.md`. */
export class Metrics {
  readonly #scope: OtelScope<Instruments>;
  #source: RelaySource | undefined;
  #gauges: Gauges | undefined;

  constructor(
    api: OtelApi,
    /** Of every value. */
    private readonly attributes: Attributes,
  ) {
    this.#scope = new OtelScope(
      api,
      SCOPE,
      (meter) => {
        this.#showGauges(meter);
        return instrumentsOf(meter);
      },
      () => {
        this.#gauges?.remove();
        this.#gauges = undefined;
      },
    );
  }

  /** Whether anybody gets what is told here: the API is a dependency of many packages, and does nothing without an SDK. */
  get isOn(): boolean {
    return this.#scope.instruments !== undefined;
  }

  /** The gauges tell of this relay, or of none. */
  watch(source: RelaySource | undefined): void {
    this.#source = source;
    const { instruments } = this.#scope;
    if (instruments) this.#showGauges(instruments.meter);
  }

  end(): void {
    this.#gauges?.end();
  }

  latency(ms: number): void {
    this.#scope.instruments?.latency.record(ms / 1_000, this.attributes);
  }

  record(event: OutboxActivity): void {
    const { instruments } = this.#scope;
    if (!instruments) return;
    switch (event.type) {
      case 'added':
      case 'published':
        return this.#byType(instruments[event.type], event.types);
      case 'held_back':
      case 'parked':
        return instruments[event.type].add(1, {
          ...this.attributes,
          'outbox.message.type': event.messageType,
          'error.type': event.errorCode,
        });
      case 'lanes_taken_over':
      case 'lease_lost':
        return instruments[event.type].add(event.lanes, this.attributes);
      default:
    }
  }

  #byType(counter: Adding, types: CountByType): void {
    for (const [type, count] of Object.entries(types))
      counter.add(count, { ...this.attributes, 'outbox.message.type': type });
  }

  #showGauges(meter: MeterLike): void {
    if (this.#source) this.#gauges ??= new Gauges(meter, this.attributes);
    if (this.#gauges) this.#gauges.source = this.#source;
  }
}

interface Instruments {
  readonly meter: MeterLike;
  readonly added: Adding;
  readonly published: Adding;
  readonly held_back: Adding;
  readonly parked: Adding;
  readonly lanes_taken_over: Adding;
  readonly lease_lost: Adding;
  readonly latency: Recording;
}

function instrumentsOf(meter: MeterLike): Instruments {
  const counter = (name: string, unit: string, description: string): Adding =>
    meter.createCounter(name, { description, unit });
  return {
    meter,
    added: counter('outbox.added', '{message}', 'Messages that were added.'),
    published: counter('outbox.published', '{message}', 'Messages that the broker has confirmed.'),
    held_back: counter('outbox.held_back', '{message}', 'Failures of messages that wait.'),
    parked: counter('outbox.parked', '{message}', 'Messages that were given up.'),
    lanes_taken_over: counter('outbox.lanes_taken_over', '{lane}', 'Lanes of relays that died.'),
    lease_lost: counter('outbox.lanes_lost', '{lane}', 'Lanes that were not renewed in time.'),
    latency: meter.createHistogram('outbox.latency', {
      description: 'From when a message was written, or due, to the confirm of the broker.',
      unit: 's',
      advice: { explicitBucketBoundaries: BUCKETS },
    }),
  };
}
