// The spans of calls that are made, with an SDK of OpenTelemetry and with or without the instrumentation of grpc-js.
import 'reflect-metadata';
import { openContext, waitFor } from '@acme/internal-testing';
import { MessageContext } from '@acme/nest-message-context';
import {
  GrpcClientsModule,
  GrpcError,
  InjectGrpcService,
  type GrpcClientOptions,
  type GrpcService,
  type RemoteError,
} from '@acme/nest-grpc-errors';
import { Injectable, Module } from '@nestjs/common';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { of, throwError, toArray, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { openProbe, PROTO, type Message, type ProbeOptions } from './support/probe-app.js';
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

interface Probe {
  unary(request: Message): Promise<Message>;
  read(request: Message): Promise<Message>;
  serverStream(request: Message): Observable<Message>;
}

async function client(url: string, options: Partial<GrpcClientOptions> = {}) {
  @Injectable()
  class Caller {
    constructor(@InjectGrpcService('probe.v1.Probe') readonly probe: GrpcService<Probe>) {}
  }
  @Module({
    imports: [
      GrpcClientsModule.register([{ packages: 'probe.v1', protoPath: PROTO, url, ...options }]),
    ],
    providers: [Caller],
    exports: [Caller],
  })
  class CallerModule {}
  const opened = await openContext(CallerModule);
  closers.push(opened);
  return opened.app.get(Caller).probe;
}

describe('the span of a call that is made', () => {
  const clientSpan = () => spansOf(here.otel, SpanKind.CLIENT)[0]!;

  it('is a child of what is active, and goes along', async () => {
    const { url } = await open({ handle: () => ({ id: '1' }) });
    const probe = await client(url);
    const outer = await here.otel.within('outer', async (span) => {
      await probe.unary({ id: 'a' });
      return span.spanContext();
    });
    const received = (await serverSpan()).parentSpanContext;
    const span = clientSpan();
    const [, port] = url.split(':');
    expect(span.name).toBe('probe.v1.Probe/Unary');
    expect(span.parentSpanContext).toMatchObject({ traceId: outer.traceId, spanId: outer.spanId });
    expect(received).toMatchObject({
      traceId: outer.traceId,
      spanId: span.spanContext().spanId,
    });
    expect(span.attributes).toEqual({
      'rpc.system': 'grpc',
      'rpc.system.name': 'grpc',
      'rpc.service': 'probe.v1.Probe',
      'rpc.method': 'probe.v1.Probe/Unary',
      'rpc.grpc.status_code': 0,
      'rpc.response.status_code': 'OK',
      'server.address': '127.0.0.1',
      'server.port': Number(port),
    });
  });

  it('is a child of what the message came with that is being handled, where nothing is active', async () => {
    const { url } = await open({ handle: () => ({ id: '1' }) });
    const probe = await client(url);
    const between = await open({ tracing: false, handle: () => probe.unary({ id: 'a' }) });
    await between.invoke('Unary', { metadata: traced() });
    expect(clientSpan().parentSpanContext).toMatchObject({ traceId: TRACE, spanId: SENDER });
  });

  it('is a child of what is active, although the message came with another trace, and carries nothing of that', async () => {
    let carried: (string | undefined)[] = [];
    const { url } = await open({
      tracing: false,
      handle: () => {
        const { headers } = MessageContext.require().message;
        carried = [headers.get('traceparent'), headers.get('tracestate')];
        return { id: '1' };
      },
    });
    const probe = await client(url);
    let inner = '';
    const between = await open({
      tracing: false,
      handle: () =>
        here.otel.within('inner', async (span) => {
          inner = span.spanContext().spanId;
          return probe.unary({ id: 'a' }).finally(() => {});
        }),
    });
    const metadata = traced();
    metadata.set('tracestate', 'vendor=1');
    await between.invoke('Unary', { metadata });
    const { traceId, spanId } = clientSpan().spanContext();
    expect(clientSpan().parentSpanContext?.spanId).toBe(inner);
    expect(carried).toEqual([`00-${traceId}-${spanId}-01`, undefined]);
  });

  it('is an error whatever the call has failed with, and has its reason', async () => {
    const { url } = await open({ handle: isFailing });
    const probe = await client(url, { errors: { 'probe.test': [OrderNotFoundError] } });
    await expect(probe.unary({ id: 'a' })).rejects.toThrow(OrderNotFoundError);
    expect(clientSpan().status).toEqual({ code: SpanStatusCode.ERROR, message: 'NOT_FOUND' });
    expect(clientSpan().attributes).toMatchObject({
      'error.type': 'NOT_FOUND',
      'acme.grpc.reason': 'ORDER_NOT_FOUND',
      'acme.grpc.domain': 'probe.test',
    });
  });

  it('says by what the call was refused, also where a class makes its error itself', async () => {
    class Own extends Error {
      static fromRemote = ({ message }: RemoteError): Error => new Own(message);
    }
    @GrpcError({ code: 'NOT_FOUND', reason: 'OWN' })
    class Thrown extends Error {}
    const { url } = await open({ handle: () => throwError(() => new Thrown('no')) });
    const probe = await client(url, { errors: { 'probe.test': [Own] } });
    await expect(probe.unary({ id: 'a' })).rejects.toBeInstanceOf(Own);
    expect(clientSpan().attributes).toMatchObject({ 'rpc.response.status_code': 'NOT_FOUND' });
  });

  it.each<[string, string, object]>([
    ['ipv4:127.0.0.1:1,127.0.0.1:2', '127.0.0.1:1,127.0.0.1:2', {}],
    ['unix:///nowhere/orders.sock', '/nowhere/orders.sock', {}],
    ['unix:nowhere/orders.sock', 'nowhere/orders.sock', {}],
    ['dns:///localhost:1', 'localhost', { 'server.port': 1 }],
  ])('has the address that is called: %s', async (url, address, port) => {
    const probe = await client(url, { timeout: '2s' });
    await probe.unary({ id: 'a' }).catch(() => {});
    const { attributes } = clientSpan();
    expect(attributes).toMatchObject({ 'server.address': address, ...port });
    expect('server.port' in attributes).toBe('server.port' in port);
  });

  it('is one for all attempts', async () => {
    @GrpcError({ code: 'UNAVAILABLE' })
    class AwayError extends Error {}
    let calls = 0;
    const { url } = await open({
      handle: () => {
        calls += 1;
        if (calls < 3) throw new AwayError('away');
        return { id: '1' };
      },
    });
    const probe = await client(url, { retry: { initial: 1, max: 1 } });
    await probe.read({ id: 'a' });
    expect(calls).toBe(3);
    expect(spansOf(here.otel, SpanKind.CLIENT)).toHaveLength(1);
    expect(clientSpan().attributes).toMatchObject({ 'rpc.response.status_code': 'OK' });
  });

  it('ends with a stream of answers, or when nobody wants more of it', async () => {
    const { url } = await open({ handle: () => of({ id: '1' }, { id: '2' }, { id: '3' }) });
    const probe = await client(url);
    await new Promise((done) => probe.serverStream({ id: 'a' }).pipe(toArray()).subscribe(done));
    for await (const _ of probe.serverStream({ id: 'a' }));
    for await (const _ of probe.serverStream({ id: 'a' })) break;
    expect(
      spansOf(here.otel, SpanKind.CLIENT).map(
        (span) => span.attributes['rpc.response.status_code'],
      ),
    ).toEqual(['OK', 'OK', 'CANCELLED']);
  });

  it('is none where nobody wants one', async () => {
    const { url } = await open({ handle: () => ({ id: '1' }), tracing: false });
    const probe = await client(url, { tracing: false });
    await probe.unary({ id: 'a' });
    expect(here.otel.spans()).toEqual([]);
  });

  it('is that of the instrumentation where that is there', async () => {
    undo.push(instrumentGrpc());
    here.otel.propagate();
    const { url } = await open({ handle: () => ({ id: '1' }) });
    const probe = await client(url);
    await probe.unary({ id: 'a' });
    const [span, ...others] = spansOf(here.otel, SpanKind.CLIENT);
    expect(others).toEqual([]);
    expect(span!.instrumentationScope.name).toBe('@opentelemetry/instrumentation-grpc');
    expect((await serverSpan()).parentSpanContext?.spanId).toBe(span!.spanContext().spanId);
  });
});
