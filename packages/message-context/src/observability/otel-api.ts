/** What is used of `@opentelemetry/api`, which may be missing. `loadOtelApi()` does not compile when the real one differs. */
export interface OtelApi {
  readonly trace: {
    getTracerProvider(): TracerProviderLike;
    getSpan(context: ContextLike): SpanLike | undefined;
    setSpan(context: ContextLike, span: SpanLike): ContextLike;
    getSpanContext(context: ContextLike): SpanContextLike | undefined;
    wrapSpanContext(context: SpanContextLike): SpanLike;
  };
  readonly context: {
    active(): ContextLike;
    with<R>(context: ContextLike, work: () => R): R;
  };
  readonly propagation: {
    inject(context: ContextLike, carrier: Record<string, unknown>): void;
    extract(context: ContextLike, carrier: unknown): ContextLike;
  };
  readonly metrics: { getMeterProvider(): MeterProviderLike };
  /** The one that everybody gets where there is no SDK. */
  createNoopMeter(): MeterLike;
  createContextKey(description: string): symbol;
  readonly ROOT_CONTEXT: ContextLike;
}

/** Of a span or of a value that was measured. */
export type Attributes = Record<string, string | number | boolean>;

/** What is true for all that runs in it: a span, baggage, whether anything is traced. */
export interface ContextLike {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): ContextLike;
}

/** A span as it travels. */
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

/** From a span to one that it has to do with and that is not its parent. */
export interface LinkLike {
  readonly context: SpanContextLike;
}

/** Makes the spans of one package. */
export interface TracerLike {
  startSpan(
    name: string,
    options?: {
      readonly kind?: number;
      readonly attributes?: Attributes;
      readonly root?: boolean;
      readonly startTime?: number;
      readonly links?: LinkLike[];
    },
    context?: ContextLike,
  ): SpanLike;
}

/** A piece of work. */
export interface SpanLike {
  spanContext(): SpanContextLike & { readonly traceState?: { serialize(): string } };
  isRecording(): boolean;
  updateName(name: string): unknown;
  setAttributes(attributes: Attributes): unknown;
  addEvent(name: string): unknown;
  setStatus(status: { readonly code: number; readonly message?: string }): unknown;
  end(endTime?: number): void;
}

export interface MeterProviderLike {
  getMeter(name: string): MeterLike;
}

/** Makes the instruments of one package. */
export interface MeterLike {
  createCounter(name: string, options: InstrumentOptions): Adding;
  createUpDownCounter(name: string, options: InstrumentOptions): Adding;
  createHistogram(
    name: string,
    options: InstrumentOptions & { readonly advice: { explicitBucketBoundaries: number[] } },
  ): Recording;
  createObservableGauge(name: string, options: InstrumentOptions): ObservableLike;
  addBatchObservableCallback(callback: BatchCallback, observables: ObservableLike[]): void;
  removeBatchObservableCallback(callback: BatchCallback, observables: ObservableLike[]): void;
}

/** Called whenever metrics are collected. */
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

/** A counter, also one that goes down. */
export interface Adding {
  add(value: number, attributes: Attributes): void;
}

/** A histogram. */
export interface Recording {
  record(value: number, attributes: Attributes): void;
}

/** Kinds of spans, as the API numbers them. */
export const SPAN_KIND = { server: 1, client: 2, producer: 3, consumer: 4 } as const;

/** The status of a span that has failed. */
export const STATUS_ERROR = 2;

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
