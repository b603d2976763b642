import {
  OtelScope,
  STATUS_ERROR,
  type Adding,
  type Attributes,
  type MeterLike,
  type OtelApi,
  type Recording,
  type SpanLike,
} from '@acme/nest-message-context/observability';
import type { IdempotencyCallEvent, IdempotencyEvent, IdempotencyLeaseLostEvent } from './event.js';

/** Name of the tracer and of the meter. */
const SCOPE = '@acme/nest-idempotency';

/** Seconds. Finer at the lower end than those of HTTP: a replay takes one or two milliseconds. */
const BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 30,
];

/** What is known of a call before the store is asked. */
export type CallStart = Pick<IdempotencyCallEvent, 'name' | 'kind' | 'mode' | 'store' | 'id'>;

/** What is known in the end; less of a batch, whose items end in their own ways. */
type CallEnd = Partial<Pick<IdempotencyCallEvent, 'type' | 'attempt' | 'waited' | 'errorCode'>> & {
  readonly failed?: boolean;
};

/** Spans and metrics of OpenTelemetry. Names, units and attributes stand in `docs/reference/idempotency-metrics.md`. */
export class Telemetry {
  readonly #scope: OtelScope<Instruments>;

  constructor(private readonly api: OtelApi) {
    this.#scope = new OtelScope(api, SCOPE, instrumentsOf);
  }

  /** Whether anybody gets what is told here: the API is a dependency of many packages, and does nothing without an SDK. */
  get isOn(): boolean {
    return this.#scope.instruments !== undefined || this.#scope.tracer !== undefined;
  }

  /** A span of its own, below the one that is active; undefined where nobody traces. */
  span(start: CallStart): SpanLike | undefined {
    const { tracer } = this.#scope;
    if (!tracer) return undefined;
    const { name, id } = start;
    const attributes = {
      ...attributesOf(start),
      ...(id !== undefined && { 'acme.idempotency.record_id': id }),
    };
    return tracer.startSpan(`idempotency ${name}`, { attributes });
  }

  /** Runs `work` so that the spans it makes are children of this one. */
  within<R>(span: SpanLike, work: () => R): R {
    const { context, trace } = this.api;
    return context.with(trace.setSpan(context.active(), span), work);
  }

  end(span: SpanLike, { type, attempt, waited, errorCode, failed }: CallEnd): void {
    if (span.isRecording()) {
      span.setAttributes({
        ...(type !== undefined && { 'acme.idempotency.outcome': type }),
        ...(waited !== undefined && { 'acme.idempotency.waited': waited }),
        ...(attempt !== undefined && { 'acme.idempotency.attempt': attempt }),
        ...(errorCode !== undefined && { 'error.type': errorCode }),
      });
      if (failed) span.setStatus({ code: STATUS_ERROR, message: errorCode ?? type ?? '' });
    }
    span.end();
  }

  active(start: CallStart, change: 1 | -1): void {
    const { name, kind } = start;
    this.#scope.instruments?.active.add(change, attributesOf({ name, kind }));
  }

  record(event: IdempotencyEvent): void {
    const { instruments } = this.#scope;
    if (!instruments || event.type === 'purge_failed') return;
    if (event.type === 'purged')
      return instruments.purged.add(event.removed, { 'acme.idempotency.store': event.store });
    const attributes = attributesOf(event);
    if (event.type === 'lease_lost') return instruments.lost.add(1, attributes);
    attributes['acme.idempotency.outcome'] = event.type;
    attributes['acme.idempotency.waited'] = event.waited;
    if (event.errorCode !== undefined) attributes['error.type'] = event.errorCode;
    instruments.calls.add(1, attributes);
    instruments.duration.record(event.durationMs / 1_000, attributes);
  }
}

interface Instruments {
  readonly calls: Adding;
  readonly duration: Recording;
  readonly active: Adding;
  readonly lost: Adding;
  readonly purged: Adding;
}

function instrumentsOf(meter: MeterLike): Instruments {
  return {
    calls: meter.createCounter('acme.idempotency.calls', {
      description: 'Protected calls that have ended, by outcome.',
      unit: '{call}',
    }),
    duration: meter.createHistogram('acme.idempotency.call.duration', {
      description: 'How long protected calls took, what they waited included.',
      unit: 's',
      advice: { explicitBucketBoundaries: BUCKETS },
    }),
    active: meter.createUpDownCounter('acme.idempotency.active_calls', {
      description: 'Protected calls that ask the store, wait or run.',
      unit: '{call}',
    }),
    lost: meter.createCounter('acme.idempotency.lost_leases', {
      description: 'Leases that were lost while their function ran.',
      unit: '{lease}',
    }),
    purged: meter.createCounter('acme.idempotency.purged_records', {
      description: 'Expired records that were removed.',
      unit: '{record}',
    }),
  };
}

function attributesOf({
  name,
  kind,
  mode,
  store,
}: Pick<IdempotencyCallEvent | IdempotencyLeaseLostEvent, 'name' | 'kind'> &
  Partial<Pick<IdempotencyCallEvent, 'mode' | 'store'>>): Attributes {
  return {
    'acme.idempotency.name': name,
    'acme.idempotency.kind': kind,
    ...(mode !== undefined && { 'acme.idempotency.mode': mode }),
    ...(store !== undefined && { 'acme.idempotency.store': store }),
  };
}
