import { HeaderNames } from '../wire/header-names.js';
import type { ContextLike, OtelApi, SpanContextLike, SpanLike } from './otel-api.js';

const TRACEPARENT = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})/;
const NO_TRACE = '0'.repeat(32);
const SAMPLED = 1;

/** Of a message, as W3C writes it; undefined where it has none, or none that is one. */
export function spanContextOf(
  headers: Readonly<Record<string, unknown>> | undefined,
): SpanContextLike | undefined {
  const value = headers?.[HeaderNames.traceparent];
  const [, traceId, spanId, flags] = (typeof value === 'string' && TRACEPARENT.exec(value)) || [];
  if (!traceId || !spanId || !flags || traceId === NO_TRACE) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

/** The context of whoever has sent something: what the propagators of the application read in it, and always what W3C writes. */
export function contextOfSender(
  api: Pick<OtelApi, 'propagation' | 'trace' | 'ROOT_CONTEXT'>,
  headers: Readonly<Record<string, unknown>>,
): ContextLike {
  const context = api.propagation.extract(api.ROOT_CONTEXT, headers);
  if (api.trace.getSpanContext(context)) return context;
  const sender = spanContextOf(headers);
  return sender ? api.trace.setSpan(context, api.trace.wrapSpanContext(sender)) : context;
}

/**
 * What goes along with what is sent within a span: what the propagators of the application write, and always what W3C asks for. Undefined of a span that belongs to no
 * trace. What is sent has no other `tracestate` than one that stands here.
 */
export function headersOfSpan(
  api: Pick<OtelApi, 'propagation'>,
  span: SpanLike,
  context: ContextLike,
): Record<string, string> | undefined {
  const spanContext = span.spanContext();
  const traceparent = traceparentOf(spanContext);
  if (traceparent === undefined) return undefined;
  const carrier: Record<string, unknown> = {};
  api.propagation.inject(context, carrier);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(carrier))
    if (typeof value === 'string') headers[name] = value;
  const state = spanContext.traceState?.serialize();
  if (state) headers[HeaderNames.tracestate] = state;
  headers[HeaderNames.traceparent] = traceparent;
  return headers;
}

/** As W3C writes it; undefined of a span that belongs to no trace, as one has that was made while tracing is suppressed. */
export function traceparentOf(context: SpanContextLike): string | undefined {
  const { traceId, spanId, traceFlags } = context;
  if (traceId === NO_TRACE) return undefined;
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** Whether its trace is kept. */
export const isSampled = ({ traceFlags }: SpanContextLike): boolean => (traceFlags & SAMPLED) !== 0;
