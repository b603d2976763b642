import type { AmqpDeliveryLike } from '@acme/nest-message-context';
import {
  contextOfSender,
  SPAN_KIND,
  STATUS_ERROR,
  type Attributes,
  type ContextLike,
  type OtelApi,
  type SpanLike,
  type TracerLike,
} from '@acme/nest-message-context/observability';
import { comesAgain } from '../core/comes-again.js';
import { attributesOf, ofQueue } from './attributes.js';
import type { Settled } from './watched-delivery.js';

/** The span in which a delivery is handled: one of ours, or that of whoever has made one before. */
export interface DeliverySpan {
  within(deliver: () => void): void;
  /** What is known of it in the end. */
  describe(settled: Settled): void;
  end(): void;
}

/** The span that a delivery is handled in: a new one, unless an instrumentation of the client has made it; undefined where nobody traces. */
export function spanOf(
  api: OtelApi,
  tracer: TracerLike | undefined,
  delivery: AmqpDeliveryLike,
  queue: string | undefined,
): DeliverySpan | undefined {
  const foreign = instrumented(api, delivery);
  if (foreign) return new ForeignSpan(foreign);
  return tracer && new OwnSpan(api, ...begun(api, tracer, delivery, queue));
}

/**
 * Which span is active says nothing alone: a connection that was opened within a span delivers within it, for ever. That of a delivery
 * is kept on it, as `@opentelemetry/instrumentation-amqplib` does, or is one of a consumer that has not ended.
 */
function instrumented(api: OtelApi, delivery: AmqpDeliveryLike): SpanLike | undefined {
  const active = api.trace.getSpan(api.context.active());
  if (!active) return undefined;
  const kept = delivery as unknown as Record<symbol, unknown>;
  const isKept = Object.getOwnPropertySymbols(delivery).some((key) => kept[key] === active);
  const { kind } = active as { readonly kind?: unknown };
  return isKept || (kind === SPAN_KIND.consumer && active.isRecording()) ? active : undefined;
}

/**
 * The first delivery continues the trace that its sender has begun. What comes again begins one of its own, with a link to that:
 * retries may go on for hours, and no trace is to be that long.
 */
function begun(
  api: OtelApi,
  tracer: TracerLike,
  delivery: AmqpDeliveryLike,
  queue: string | undefined,
): [span: SpanLike, context: ContextLike] {
  const { headers = {}, messageId } = delivery.properties;
  const context = contextOfSender(api, headers);
  const creation = api.trace.getSpanContext(context);
  const span = tracer.startSpan(
    queue === undefined ? 'process' : `process ${queue}`,
    {
      kind: SPAN_KIND.consumer,
      root: comesAgain(delivery),
      links: creation ? [{ context: creation }] : [],
      attributes: {
        ...ofQueue(queue),
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        ...(messageId !== undefined && { 'messaging.message.id': messageId }),
      },
    },
    context,
  );
  return [span, api.trace.setSpan(context, span)];
}

class ForeignSpan implements DeliverySpan {
  constructor(protected readonly span: SpanLike) {}

  within(deliver: () => void): void {
    deliver();
  }

  describe(settled: Settled): void {
    if (!this.span.isRecording()) return;
    const { attempt, messageType, correlationId, errorCode = '', failed } = settled;
    const attributes: Attributes = {
      ...attributesOf(settled),
      'acme.rabbitmq.attempt': attempt,
      ...(messageType !== undefined && { 'acme.rabbitmq.message.type': messageType }),
      ...(correlationId !== undefined && { 'messaging.message.conversation_id': correlationId }),
    };
    this.span.setAttributes(attributes);
    if (failed) this.span.setStatus({ code: STATUS_ERROR, message: errorCode });
  }

  /** For whoever has begun it. */
  end(): void {}
}

class OwnSpan extends ForeignSpan {
  constructor(
    private readonly api: OtelApi,
    span: SpanLike,
    private readonly inside: ContextLike,
  ) {
    super(span);
  }

  override within(deliver: () => void): void {
    this.api.context.with(this.inside, deliver);
  }

  override end(): void {
    this.span.end();
  }
}
