import { HeaderNames } from '../wire/header-names.js';
import type { SpanContextLike } from './otel-api.js';

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

/** The other way round; undefined of a span that belongs to no trace, as one has that was made while tracing is suppressed. */
export function traceparentOf(context: SpanContextLike): string | undefined {
  const { traceId, spanId, traceFlags } = context;
  if (traceId === NO_TRACE) return undefined;
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** Whether its trace is kept. */
export const isSampled = ({ traceFlags }: SpanContextLike): boolean => (traceFlags & SAMPLED) !== 0;
