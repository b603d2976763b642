/** What is used of `@opentelemetry/api`, which may be missing. `load()` does not compile when the real one differs. */
export interface OtelApi {
  readonly trace: {
    getTracerProvider(): TracerProviderLike;
    setSpan(context: ContextLike, span: SpanLike): ContextLike;
  };
  readonly context: {
    active(): ContextLike;
    with<R>(context: ContextLike, work: () => R): R;
  };
  readonly metrics: { getMeterProvider(): MeterProviderLike };
  /** The one that everybody gets where there is no SDK. */
  createNoopMeter(): MeterLike;
}

export type Attributes = Record<string, string | number | boolean>;

interface ContextLike {
  getValue(key: symbol): unknown;
}

interface TracerProviderLike {
  getTracer(name: string): TracerLike;
  /** Of the provider that stands in for the SDK's: undefined where that has not come. */
  getDelegateTracer?(name: string): TracerLike | undefined;
}

export interface TracerLike {
  startSpan(name: string, options?: { readonly attributes?: Attributes }): SpanLike;
}

export interface SpanLike {
  isRecording(): boolean;
  setAttributes(attributes: Attributes): unknown;
  addEvent(name: string): unknown;
  setStatus(status: { readonly code: number; readonly message?: string }): unknown;
  end(): void;
}

export interface MeterProviderLike {
  getMeter(name: string): MeterLike;
}

export interface MeterLike {
  createCounter(name: string, options: InstrumentOptions): Adding;
  createUpDownCounter(name: string, options: InstrumentOptions): Adding;
  createHistogram(
    name: string,
    options: InstrumentOptions & { readonly advice: { explicitBucketBoundaries: number[] } },
  ): { record(value: number, attributes: Attributes): void };
}

interface InstrumentOptions {
  readonly description: string;
  readonly unit: string;
}

export interface Adding {
  add(value: number, attributes: Attributes): void;
}

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
