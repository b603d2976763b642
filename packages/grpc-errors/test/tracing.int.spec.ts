// The spans of calls that are handled, with an SDK of OpenTelemetry and with or without the instrumentation of grpc-js.
import 'reflect-metadata';
import type { EventEmitter } from 'node:events';
import { waitFor } from '@acme/internal-testing';
import { Otel } from '@acme/internal-testing/otel';
import { status as Status } from '@grpc/grpc-js';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { NEVER, Observable, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { openProbe, type Message, type ProbeOptions } from './support/probe-app.js';
import {
  instrumentGrpc,
  OrderNotFoundError,
  SENDER,
  spansOf,
  TRACE,
  traced,
  useOtel,
  useScene,
} from './support/telemetry.js';

const here = useOtel();

const { closers, undo } = useScene();

async function open(options: ProbeOptions) {
  const opened = await openProbe(options);
  closers.push(opened);
  return opened;
}

const serverSpan = () =>
  waitFor(() => spansOf(here.otel, SpanKind.SERVER)[0], { what: 'the span' });

const isFailing = () => throwError(() => new OrderNotFoundError('no'));

interface Passed {
  on(event: string, listener: (message: Message) => void): void;
  write(message: Message): void;
  end(): void;
}

describe('the span of a call that is handled', () => {
  it('goes on with the trace of the caller, and the handler works within it', async () => {
    const { invoke } = await open({
      handle: () => here.otel.within('query', async () => ({ id: '1' })),
    });
    await invoke('Unary', { metadata: traced() });
    const span = await serverSpan();
    expect(span.name).toBe('probe.v1.Probe/Unary');
    expect(span.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: SENDER });
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.attributes).toEqual({
      'rpc.system': 'grpc',
      'rpc.system.name': 'grpc',
      'rpc.service': 'probe.v1.Probe',
      'rpc.method': 'probe.v1.Probe/Unary',
      'rpc.grpc.status_code': 0,
      'rpc.response.status_code': 'OK',
    });
    const [query] = here.otel.spans('query');
    expect(query!.parentSpanContext?.spanId).toBe(span.spanContext().spanId);
  });

  it('says by what the caller was refused, which is no error of the server', async () => {
    const { invoke } = await open({ handle: isFailing });
    await invoke('Unary');
    const { status, attributes, parentSpanContext } = await serverSpan();
    expect([status.code, parentSpanContext]).toEqual([SpanStatusCode.UNSET, undefined]);
    expect(attributes).toMatchObject({
      'rpc.grpc.status_code': 5,
      'rpc.response.status_code': 'NOT_FOUND',
      'acme.grpc.reason': 'ORDER_NOT_FOUND',
      'acme.grpc.domain': 'probe.test',
    });
    expect(attributes).not.toHaveProperty('error.type');
  });

  it('has the id of an error that nobody knows', async () => {
    const { invoke } = await open({ handle: () => Promise.reject(new Error('secret')) });
    const { status: sent } = await invoke('Unary');
    const { status, attributes } = await serverSpan();
    expect(status).toEqual({ code: SpanStatusCode.ERROR, message: 'INTERNAL' });
    expect(attributes).toMatchObject({
      'error.type': 'INTERNAL',
      'acme.grpc.error_id': sent!.details.errorInfo!.metadata['errorId'],
    });
  });

  const methods = [
    'Unary',
    'ServerStream',
    'ClientStream',
    'Bidi',
    'PassThrough',
    'PassThroughBidi',
  ];
  const answers: ProbeOptions['handle'] = (given, callback) => {
    if (callback) return (callback as (error: unknown, answer: object) => void)(null, { id: '1' });
    if (typeof (given as Passed).write !== 'function') return of({ id: '1' });
    (given as Passed).write({ id: '1' });
    return (given as Passed).end();
  };

  it.each(methods)('ends when the call does: %s', async (method) => {
    const { invoke } = await open({ handle: answers });
    expect((await invoke(method)).messages).toEqual([{ id: '1' }]);
    expect((await serverSpan()).attributes).toMatchObject({ 'rpc.response.status_code': 'OK' });
    expect(spansOf(here.otel, SpanKind.SERVER)).toHaveLength(1);
  });

  it.each(methods)('ends when the call fails: %s', async (method) => {
    const { invoke } = await open({ handle: isFailing });
    expect((await invoke(method)).error?.code).toBe(Status.NOT_FOUND);
    expect((await serverSpan()).attributes).toMatchObject({
      'rpc.response.status_code': 'NOT_FOUND',
      'acme.grpc.reason': 'ORDER_NOT_FOUND',
    });
    expect(spansOf(here.otel, SpanKind.SERVER)).toHaveLength(1);
  });

  it.each(['Unary', 'ServerStream', 'Bidi', 'PassThroughBidi'])(
    'says that the caller has gone, or his time was up: %s',
    async (method) => {
      let begun = false;
      const { invoke } = await open({
        handle: () => {
          begun = true;
          return NEVER;
        },
      });
      await invoke(method, {
        onCall: (call) => void waitFor(() => begun).then(() => call.cancel()),
      });
      const span = await serverSpan();
      expect(span.attributes['rpc.response.status_code']).toBe('CANCELLED');
      expect(span.status.code).toBe(SpanStatusCode.UNSET);
      here.otel.forgetSpans();
      await invoke(method, { timeout: 100, onCall: () => {} });
      const late = await serverSpan();
      expect(late.attributes['rpc.response.status_code']).toBe('DEADLINE_EXCEEDED');
      expect(late.status.code).toBe(SpanStatusCode.ERROR);
    },
  );

  it('has what is done with each message of a request within it', async () => {
    const { invoke } = await open({
      handle: (messages) =>
        new Observable((subscriber) =>
          (messages as Observable<Message>).subscribe({
            next: () => trace.getTracer('test').startSpan('message').end(),
            complete: () => {
              subscriber.next({ id: '1' });
              subscriber.complete();
            },
          }),
        ),
    });
    await invoke('ClientStream');
    const span = await serverSpan();
    expect(here.otel.spans('message').map(({ parentSpanContext: p }) => p?.spanId)).toEqual([
      span.spanContext().spanId,
    ]);
  });

  it.each(['Unary', 'Bidi'])(
    'is not taken for that within which the server was started: %s',
    async (method) => {
      const tracer = trace.getTracer('test');
      await tracer.startActiveSpan('outer', { kind: SpanKind.SERVER }, async (outer) => {
        const { invoke } = await open({ handle: () => of({ id: '1' }) });
        await invoke(method, { metadata: traced() });
        outer.end();
      });
      const span = (await waitFor(() => here.otel.spans('probe.v1')))[0]!;
      expect(span.parentSpanContext?.spanId).toBe(SENDER);
      expect(here.otel.spans('outer')[0]!.attributes).toEqual({});
    },
  );

  it('is none where nobody wants one', async () => {
    const { invoke } = await open({ handle: () => ({ id: '1' }), tracing: false });
    await invoke('Unary', { metadata: traced() });
    expect(here.otel.spans()).toEqual([]);
  });
});

type Callback = (error: unknown, answer?: object) => void;
it.each<[string, string, string, ProbeOptions['handle']]>([
  ['PassThrough', 'OK', 'an answer', (_, callback) => (callback as Callback)(null, { id: '1' })],
  ['PassThrough', 'ABORTED', 'an error', (_, callback) => (callback as Callback)({ code: 10 })],
  [
    'PassThroughBidi',
    'ABORTED',
    'an error',
    (call) => void (call as EventEmitter).emit('error', { code: 10, details: 'no' }),
  ],
])('without the shield the span of %s says %s of %s', async (method, code, _, handle) => {
  const { invoke } = await open({ handle, shields: { passThrough: false } });
  await invoke(method);
  expect((await serverSpan()).attributes).toMatchObject({ 'rpc.response.status_code': code });
});

describe('with the instrumentation of grpc-js', () => {
  it.each(['Unary', 'ServerStream', 'Bidi'])(
    'the span is its own, with what is known here: %s',
    async (method) => {
      undo.push(instrumentGrpc());
      here.otel.propagate();
      const { invoke } = await open({
        handle: async () => {
          await here.otel.within('query', async () => {});
          throw new OrderNotFoundError('no');
        },
      });
      await invoke(method, { metadata: traced() });
      const span = await serverSpan();
      expect(spansOf(here.otel, SpanKind.SERVER)).toHaveLength(1);
      expect(span.instrumentationScope.name).toBe('@opentelemetry/instrumentation-grpc');
      expect(span.attributes).toMatchObject({
        'rpc.service': 'probe.v1.Probe',
        'rpc.method': method,
        'rpc.response.status_code': 'NOT_FOUND',
        'acme.grpc.reason': 'ORDER_NOT_FOUND',
      });
      expect(here.otel.spans('query')[0]!.parentSpanContext?.spanId).toBe(
        span.spanContext().spanId,
      );
    },
  );

  it('a call that was answered has its code as conventions of today have it', async () => {
    undo.push(instrumentGrpc());
    const { invoke } = await open({ handle: () => of({ id: '1' }) });
    await invoke('Unary');
    expect((await serverSpan()).attributes).toMatchObject({ 'rpc.response.status_code': 'OK' });
  });

  it('a call that it does not sample has no span of ours either', async () => {
    here.otel.stop();
    here.otel = new Otel('@acme/nest-grpc-errors', {
      shouldSample: (_, __, name) => ({ decision: name.startsWith('grpc.') ? 0 : 2 }),
    });
    undo.push(instrumentGrpc());
    const { invoke } = await open({ handle: () => ({ id: '1' }) });
    expect((await invoke('Unary')).messages).toHaveLength(1);
    expect(here.otel.spans('probe.v1')).toEqual([]);
  });
});
