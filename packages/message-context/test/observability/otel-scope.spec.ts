import { Otel } from '@acme/internal-testing/otel';
import {
  contextOfSender,
  errorCodeOf,
  headersOfSpan,
  isCode,
  isSampled,
  loadOtelApi,
  OtelScope,
  SPAN_KIND,
  spanContextOf,
  STATUS_ERROR,
  traceparentOf,
  type OtelApi,
} from '@acme/nest-message-context/observability';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

let api: OtelApi;
beforeAll(async () => {
  api = (await loadOtelApi())!;
});

let otel: Otel | undefined;
afterEach(() => {
  otel?.stop();
  otel = undefined;
});

const PARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

describe('OtelScope', () => {
  it('has neither tracer nor instruments without an SDK, and has them as soon as there is one', async () => {
    const retired: unknown[] = [];
    const scope = new OtelScope(
      api,
      'tests',
      (meter) => meter.createCounter('seen', { description: 'Seen.', unit: '{thing}' }),
      (counter) => retired.push(counter),
    );
    expect([scope.tracer, scope.instruments]).toEqual([undefined, undefined]);
    otel = new Otel('tests');
    const first = scope.instruments;
    expect(scope.instruments).toBe(first);
    first!.add(2, { kind: 'a' });
    scope.tracer!.startSpan('work').end();
    expect(otel.spans().map(({ name }) => name)).toEqual(['work']);
    expect(await otel.metrics()).toMatchObject({ seen: { points: [{ value: 2 }] } });
    otel.stop();
    expect(scope.instruments).toBeUndefined();
    expect(retired).toEqual([first]);
    otel = new Otel('tests');
    expect(scope.instruments).not.toBe(first);
  });

  it('keeps instrumentations from making spans where it is quiet', () => {
    otel = new Otel('tests');
    const scope = new OtelScope(api, 'tests', () => undefined);
    api.context.with(scope.quiet, () => trace.getTracer('other').startSpan('noise').end());
    trace.getTracer('other').startSpan('signal').end();
    expect(otel.spans().map(({ name }) => name)).toEqual(['signal']);
  });
});

it('numbers kinds and status as the API does', () => {
  expect(SPAN_KIND).toEqual({
    server: SpanKind.SERVER,
    client: SpanKind.CLIENT,
    producer: SpanKind.PRODUCER,
    consumer: SpanKind.CONSUMER,
  });
  expect(STATUS_ERROR).toBe(SpanStatusCode.ERROR);
});

it('reads the trace of a message, and writes it', () => {
  const context = spanContextOf({ traceparent: PARENT });
  expect(context).toEqual({
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    traceFlags: 1,
    isRemote: true,
  });
  expect(traceparentOf(context!)).toBe(PARENT);
  expect(isSampled(context!)).toBe(true);
  expect(isSampled({ ...context!, traceFlags: 0 })).toBe(false);
  for (const headers of [
    undefined,
    {},
    { traceparent: 7 },
    { traceparent: 'none' },
    { traceparent: PARENT.replaceAll('a', '0') },
  ])
    expect(spanContextOf(headers)).toBeUndefined();
});

it('takes a trace over from a sender, and hands it on, whatever propagators there are', () => {
  otel = new Otel('tests');
  const sender = contextOfSender(api, { traceparent: PARENT });
  expect(api.trace.getSpanContext(sender)).toMatchObject({ spanId: 'b'.repeat(16) });
  expect(contextOfSender(api, {})).toBe(api.ROOT_CONTEXT);
  const span = trace.getTracer('tests').startSpan('work', {}, sender as never);
  const context = api.trace.setSpan(sender, span);
  const traceparent = `00-${'a'.repeat(32)}-${span.spanContext().spanId}-01`;
  expect(headersOfSpan(api, span, context)).toEqual({ traceparent });
  otel.propagate();
  expect(headersOfSpan(api, span, context)).toEqual({ traceparent });
  const untraced = { traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 };
  expect(headersOfSpan(api, api.trace.wrapSpanContext(untraced), context)).toBeUndefined();
  span.end();
});

it('names errors without their messages', () => {
  const refused = Object.assign(new Error('10.0.0.1:5432 said no'), { code: 'ECONNREFUSED' });
  expect(errorCodeOf(refused)).toBe('ECONNREFUSED');
  expect(errorCodeOf(Object.assign(new TypeError('x'), { code: 'two words' }))).toBe('TypeError');
  expect(errorCodeOf(Object.assign(new Error('x'), { code: 404 }))).toBe('404');
  for (const nothing of [undefined, null, Object.create(null)])
    expect(errorCodeOf(nothing)).toBe('Error');
  expect(['NO_ANSWER', 404, 'two words', ''].map(isCode)).toEqual([true, true, false, false]);
});
