import type { ContextLike, MeterLike, MeterProviderLike, OtelApi, TracerLike } from './otel-api.js';

interface Made<Instruments> {
  readonly provider: MeterProviderLike;
  /** Undefined of a provider that measures nothing. */
  readonly instruments: Instruments | undefined;
}

/**
 * The tracer and the instruments of one package, of whichever SDK is there now: it may be set up after the application, and what was
 * made before stays deaf for ever. The API alone is a dependency of many packages, and does nothing.
 */
export class OtelScope<Instruments> {
  readonly #quiet: symbol;
  #made: Made<Instruments> | undefined;

  constructor(
    private readonly api: OtelApi,
    /** Of the tracer and of the meter. */
    private readonly name: string,
    /** Called for each meter that measures; `retire` before, for what was made of the last one. */
    private readonly make: (meter: MeterLike) => Instruments,
    private readonly retire: (instruments: Instruments) => void = () => {},
  ) {
    this.#quiet = api.createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
  }

  /** Undefined where nobody traces. */
  get tracer(): TracerLike | undefined {
    const provider = this.api.trace.getTracerProvider();
    return provider.getDelegateTracer
      ? provider.getDelegateTracer(this.name)
      : provider.getTracer(this.name);
  }

  /** Undefined where nobody measures. */
  get instruments(): Instruments | undefined {
    const provider = this.api.metrics.getMeterProvider();
    if (provider === this.#made?.provider) return this.#made.instruments;
    if (this.#made?.instruments) this.retire(this.#made.instruments);
    const meter = provider.getMeter(this.name);
    const isDeaf = meter === this.api.createNoopMeter();
    // First, so that whoever is asked while it is made does not make it once more.
    this.#made = { provider, instruments: undefined };
    const instruments = isDeaf ? undefined : this.make(meter);
    this.#made = { provider, instruments };
    return instruments;
  }

  /** In it no instrumentation makes a span, and none writes a trace into what is sent. */
  get quiet(): ContextLike {
    return this.api.context.active().setValue(this.#quiet, true);
  }
}
