/** What is used of `@opentelemetry/api`, which may be missing. `loadOtelApi()` does not compile when the real one differs. */
export interface OtelApi {
  readonly trace: {
    getTracerProvider(): TracerProviderLike;
    setSpan(context: ContextLike, span: SpanLike): ContextLike;
    getSpanContext(context: ContextLike): SpanContextLike | undefined;
    wrapSpanContext(context: SpanContextLike): SpanLike;
  };
  readonly context: {
    active(): ContextLike;
    with<R>(context: ContextLike, work: () => R): R;
  };
  readonly propagation: { inject(context: ContextLike, carrier: Record<string, unknown>): void };
  readonly metrics: { getMeterProvider(): MeterProviderLike };
  /** The one that everybody gets where there is no SDK. */
  createNoopMeter(): MeterLike;
  createContextKey(description: string): symbol;
}

export type Attributes = Record<string, string | number | boolean>;

export interface ContextLike {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): ContextLike;
}

export interface SpanContextLike {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly isRemote?: boolean;
}

interface TracerProviderLike {
  getTracer(name: string): TracerLike;
  /** Of the provider that stands in for the SDK's: undefined where that has not come. */
  getDelegateTracer?(name: string): TracerLike | undefined;
}

export interface LinkLike {
  readonly context: SpanContextLike;
}

export interface TracerLike {
  startSpan(
    name: string,
    options: {
      readonly kind: number;
      readonly attributes: Attributes;
      readonly root?: boolean;
      readonly startTime?: number;
      readonly links?: LinkLike[];
    },
    context?: ContextLike,
  ): SpanLike;
}

export interface SpanLike {
  spanContext(): SpanContextLike & { readonly traceState?: { serialize(): string } };
  updateName(name: string): unknown;
  setAttributes(attributes: Attributes): unknown;
  setStatus(status: { readonly code: number; readonly message?: string }): unknown;
  end(endTime?: number): void;
}

export interface MeterProviderLike {
  getMeter(name: string): MeterLike;
}

export interface MeterLike {
  createCounter(name: string, options: InstrumentOptions): Adding;
  createHistogram(
    name: string,
    options: InstrumentOptions & { readonly advice: { explicitBucketBoundaries: number[] } },
  ): Recording;
  createObservableGauge(name: string, options: InstrumentOptions): ObservableLike;
  addBatchObservableCallback(callback: BatchCallback, observables: ObservableLike[]): void;
  removeBatchObservableCallback(callback: BatchCallback, observables: ObservableLike[]): void;
}

export type BatchCallback = (result: BatchResultLike) => void | Promise<void>;

interface BatchResultLike {
  observe(gauge: ObservableLike, value: number, attributes: Attributes): void;
}

interface ObservableLike {
  addCallback(callback: () => void): void;
  removeCallback(callback: () => void): void;
}

interface InstrumentOptions {
  readonly description: string;
  readonly unit: string;
}

export interface Adding {
  add(value: number, attributes: Attributes): void;
}

export interface Recording {
  record(value: number, attributes: Attributes): void;
}

export const PRODUCER = 3;
export const CLIENT = 2;
export const STATUS_ERROR = 2;

/** Name of the tracer and of the meter. */
export const SCOPE = '@acme/nest-outbox';

/** The API where it is installed: whoever measures by it has it, and to all others it would be one more dependency. */
export async function loadOtelApi(): Promise<OtelApi | undefined> {
  try {
    return await import('@opentelemetry/api');
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
