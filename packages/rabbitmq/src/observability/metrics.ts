import {
  OtelScope,
  type Adding,
  type Attributes,
  type MeterLike,
  type OtelApi,
  type Recording,
  type TracerLike,
} from '@acme/nest-message-context/observability';
import type { QueueLoad } from '../consumers/queue-loads.js';
import { ofQueue, attributesOf } from './attributes.js';
import type { RabbitMqAbandonedEvent } from './event.js';
import { Gauges } from './gauges.js';
import type { Settled } from './watched-delivery.js';

/** Name of the tracer and of the meter. */
const SCOPE = '@acme/nest-rabbitmq';

/** Seconds, as the conventions for messaging say. */
const DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** Seconds: up to the backlog of a night. */
const WAITS = [0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 43_200];
const ATTEMPTS = [1, 2, 3, 4, 5, 7, 10, 15, 20];

const PROCESS = { 'messaging.operation.name': 'process', 'messaging.operation.type': 'process' };
const SEND = { 'messaging.operation.name': 'send', 'messaging.operation.type': 'send' };

/** Metrics of OpenTelemetry. Names, units and attributes stand in `docs/reference/rabbitmq-metrics.md`. */
export class Metrics {
  readonly #scope: OtelScope<Instruments>;
  #gauges: Gauges | undefined;

  constructor(api: OtelApi, loads: () => ReadonlyMap<string, QueueLoad>) {
    this.#scope = new OtelScope(
      api,
      SCOPE,
      (meter) => {
        this.#gauges = new Gauges(meter, loads);
        return instrumentsOf(meter);
      },
      () => this.#gauges?.remove(),
    );
  }

  get tracer(): TracerLike | undefined {
    return this.#scope.tracer;
  }

  /** Shows the gauges to an SDK that has come since. */
  look(): void {
    void this.#scope.instruments;
  }

  get isOn(): boolean {
    return this.#scope.instruments !== undefined;
  }

  /** In it no instrumentation writes another trace into what is sent. */
  get quiet() {
    return this.#scope.quiet;
  }

  consumed(queue: string | undefined): void {
    this.#scope.instruments?.consumed.add(1, { ...ofQueue(queue), ...PROCESS });
  }

  settled(settled: Settled): void {
    const { instruments } = this.#scope;
    if (!instruments) return;
    const { queue, type, attempt, durationMs, queueWaitMs } = settled;
    const from = ofQueue(queue);
    const attributes = { ...from, ...attributesOf(settled) };
    instruments.settled.add(1, attributes);
    instruments.duration.record(durationMs / 1_000, { ...attributes, ...PROCESS });
    if (queueWaitMs !== undefined) instruments.wait.record(queueWaitMs / 1_000, from);
    if (type === 'acked' || type === 'parked' || type === 'rejected')
      instruments.attempts.record(attempt, { ...from, 'acme.rabbitmq.outcome': type });
  }

  /** A retry, or a message that is parked, was brought to its next queue, or was not. */
  sent(queue: string, durationMs: number, errorCode: string | undefined): void {
    const { instruments } = this.#scope;
    if (!instruments) return;
    const attributes: Attributes = { ...ofQueue(queue), ...SEND };
    if (errorCode !== undefined) attributes['error.type'] = errorCode;
    instruments.sent.add(1, attributes);
    instruments.operation.record(durationMs / 1_000, attributes);
  }

  abandoned({ queue, count }: Pick<RabbitMqAbandonedEvent, 'queue' | 'count'>): void {
    this.#scope.instruments?.abandoned.add(count, ofQueue(queue));
  }

  outOfSequence(queue: string, finding: string): void {
    const attributes = { ...ofQueue(queue), 'acme.rabbitmq.finding': finding };
    this.#scope.instruments?.outOfSequence.add(1, attributes);
  }

  keyStopped(queue: string): void {
    this.#scope.instruments?.keysStopped.add(1, ofQueue(queue));
  }

  keyResumed(queue: string): void {
    this.#scope.instruments?.keysResumed.add(1, ofQueue(queue));
  }

  end(): void {
    this.#gauges?.end();
  }
}

interface Instruments {
  readonly consumed: Adding;
  readonly sent: Adding;
  readonly settled: Adding;
  readonly abandoned: Adding;
  readonly outOfSequence: Adding;
  readonly keysStopped: Adding;
  readonly keysResumed: Adding;
  readonly duration: Recording;
  readonly operation: Recording;
  readonly wait: Recording;
  readonly attempts: Recording;
}

function instrumentsOf(meter: MeterLike): Instruments {
  const counter = (name: string, description: string, unit = '{message}'): Adding =>
    meter.createCounter(name, { description, unit });
  const histogram = (name: string, unit: string, edges: number[], description: string): Recording =>
    meter.createHistogram(name, { description, unit, advice: { explicitBucketBoundaries: edges } });
  return {
    consumed: counter('messaging.client.consumed.messages', 'Messages that were delivered.'),
    sent: counter('messaging.client.sent.messages', 'Retried and parked messages that were sent.'),
    settled: counter('acme.rabbitmq.settled', 'Deliveries that were settled, by outcome.'),
    abandoned: counter('acme.rabbitmq.abandoned', 'Messages that a shutdown has cut off.'),
    outOfSequence: counter(
      'acme.rabbitmq.out_of_sequence',
      'Messages whose number was not the next one of their key.',
    ),
    keysStopped: counter(
      'acme.rabbitmq.keys_stopped',
      'Keys that were stopped because a message of theirs was parked.',
      '{key}',
    ),
    keysResumed: counter(
      'acme.rabbitmq.keys_resumed',
      'Keys that go on, since all that was parked of them was handled.',
      '{key}',
    ),
    duration: histogram(
      'messaging.process.duration',
      's',
      DURATIONS,
      'How long messages were handled.',
    ),
    operation: histogram(
      'messaging.client.operation.duration',
      's',
      DURATIONS,
      'How long it took until the broker had confirmed what was retried or parked.',
    ),
    wait: histogram(
      'acme.rabbitmq.queue_wait',
      's',
      WAITS,
      'From when messages were sent to their first delivery.',
    ),
    attempts: histogram(
      'acme.rabbitmq.attempts',
      '{attempt}',
      ATTEMPTS,
      'How often messages were tried that have come to an end.',
    ),
  };
}
