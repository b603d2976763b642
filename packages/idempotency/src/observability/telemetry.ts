import type { IdempotencyCallEvent, IdempotencyEvent, IdempotencyLeaseLostEvent } from './event.js';
import type {
  Adding,
  Attributes,
  MeterLike,
  MeterProviderLike,
  OtelApi,
  SpanLike,
  TracerLike,
} from './otel-api.js';

/** Name of the tracer and of the meter. */
const SCOPE = '@acme/nest-idempotency';

/** Seconds. Finer at the lower end than those of HTTP: a replay takes one or two milliseconds. */
const BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 30,
];

const STATUS_ERROR = 2;

/** What is known of a call before the store is asked. */
export type CallStart = Pick<IdempotencyCallEvent, 'name' | 'kind' | 'mode' | 'store' | 'id'>;

/** What is known in the end; less of a batch, whose items end in their own ways. */
type CallEnd = Partial<Pick<IdempotencyCallEvent, 'type' | 'attempt' | 'waited' | 'errorCode'>> & {
  readonly failed?: boolean;
};

/** Spans and metrics of OpenTelemetry. Names, units and attributes stand in `docs/reference/idempotency-metrics.md`. */
export class Telemetry {
  #provider: MeterProviderLike | undefined;
  #instruments: Instruments | undefined;

  constructor(private readonly api: OtelApi) {}

  /** Whether anybody gets what is told here: the API is a dependency of many packages, and does nothing without an SDK. */
  get isOn(): boolean {
    return this.instruments !== undefined || this.tracer !== undefined;
  }

  /** A span of its own, below the one that is active; undefined where nobody traces. */
  span(start: CallStart): SpanLike | undefined {
    const { tracer } = this;
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
    this.instruments?.active.add(change, attributesOf({ name, kind }));
  }

  record(event: IdempotencyEvent): void {
    const { instruments } = this;
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

  /** Asked for every time, as an SDK may be set up after the application. */
  private get tracer(): TracerLike | undefined {
    const provider = this.api.trace.getTracerProvider();
    return provider.getDelegateTracer
      ? provider.getDelegateTracer(SCOPE)
      : provider.getTracer(SCOPE);
  }

  /** Made anew when another provider comes: those made before the SDK was set up stay deaf for ever. */
  private get instruments(): Instruments | undefined {
    const provider = this.api.metrics.getMeterProvider();
    if (provider !== this.#provider) {
      this.#provider = provider;
      const meter = provider.getMeter(SCOPE);
      this.#instruments = meter === this.api.createNoopMeter() ? undefined : instrumentsOf(meter);
    }
    return this.#instruments;
  }
}

interface Instruments {
  readonly calls: Adding;
  readonly duration: { record(value: number, attributes: Attributes): void };
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
