/**
 * What the packages of this family tell of themselves with: events, and OpenTelemetry where it is. For them, not for applications: it
 * may change with any version.
 */
export { errorCodeOf, isCode } from './error-code.js';
export { EventChannels, EventSource } from './event-source.js';
export {
  loadOtelApi,
  SPAN_KIND,
  STATUS_ERROR,
  type Adding,
  type Attributes,
  type BatchCallback,
  type ContextLike,
  type LinkLike,
  type MeterLike,
  type OtelApi,
  type Recording,
  type SpanContextLike,
  type SpanLike,
  type TracerLike,
} from './otel-api.js';
export { OtelScope } from './otel-scope.js';
export {
  contextOfSender,
  headersOfSpan,
  isSampled,
  spanContextOf,
  traceparentOf,
} from './trace-context.js';
