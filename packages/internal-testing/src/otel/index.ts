import { context, metrics, propagation, trace, type Span } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
  type Sampler,
} from '@opentelemetry/sdk-trace-base';

class Reader extends MetricReader {
  protected override onForceFlush = (): Promise<void> => Promise.resolve();
  protected override onShutdown = (): Promise<void> => Promise.resolve();
}

/** One value of a metric. */
export interface Point {
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Of a histogram, how many values it has. */
  readonly value: number;
  /** Of a histogram only. */
  readonly sum?: number | undefined;
  readonly boundaries?: readonly number[];
}

/** The SDK of OpenTelemetry, set up for this process and recording in memory. */
export class Otel {
  readonly #exporter = new InMemorySpanExporter();
  readonly #reader = new Reader();

  /** @param scope whose metrics are looked at: the name of a package */
  constructor(
    private readonly scope: string,
    sampler?: Sampler,
  ) {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const spanProcessors = [new SimpleSpanProcessor(this.#exporter)];
    const provider = new BasicTracerProvider({ spanProcessors, ...(sampler && { sampler }) });
    trace.setGlobalTracerProvider(provider);
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [this.#reader] }));
  }

  /** Traces go from process to process from now on, as an SDK of Node has it from the beginning. */
  propagate(): void {
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  }

  /** As if there had never been one. */
  stop(): void {
    context.disable();
    trace.disable();
    metrics.disable();
    propagation.disable();
  }

  /** Runs code in a span of its own, as an instrumentation or a service would. */
  within<R>(name: string, work: (span: Span) => Promise<R>): Promise<R> {
    return trace.getTracer('test').startActiveSpan(name, async (span) => {
      try {
        return await work(span);
      } finally {
        span.end();
      }
    });
  }

  /** The spans that have ended and whose name begins so, in that order. */
  spans(name = ''): ReadableSpan[] {
    return this.#exporter.getFinishedSpans().filter((span) => span.name.startsWith(name));
  }

  forgetSpans(): void {
    this.#exporter.reset();
  }

  /** The metrics as they stand, by name. */
  async metrics(): Promise<Record<string, { unit: string; points: Point[] }>> {
    const { resourceMetrics, errors } = await this.#reader.collect();
    if (errors.length > 0) throw errors[0];
    const ours = resourceMetrics.scopeMetrics.flatMap(({ scope, metrics: given }) =>
      scope.name === this.scope ? given : [],
    );
    return Object.fromEntries(
      ours.map(({ descriptor, dataPoints }) => [
        descriptor.name,
        { unit: descriptor.unit, points: dataPoints.map(toPoint) },
      ]),
    );
  }
}

function toPoint({ attributes, value }: { attributes: object; value: unknown }): Point {
  const given = attributes as Point['attributes'];
  if (typeof value === 'number') return { attributes: given, value };
  const { count, sum, buckets } = value as {
    count: number;
    sum?: number;
    buckets: { boundaries: number[] };
  };
  return { attributes: given, value: count, sum, boundaries: buckets.boundaries };
}
