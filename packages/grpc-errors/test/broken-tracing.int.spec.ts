// What an application has set up for OpenTelemetry may throw: samplers, processors of spans, propagators. Calls do not fail of it.
import 'reflect-metadata';
import { openContext, waitFor } from '@acme/internal-testing';
import { GrpcClientsModule, InjectGrpcService, type GrpcService } from '@acme/nest-grpc-errors';
import { Injectable, Module } from '@nestjs/common';
import {
  INVALID_SPAN_CONTEXT,
  propagation,
  trace,
  type Span,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';
import { of } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { openProbe, PROTO, type Message, type ProbeOptions } from './support/probe-app.js';

/** What throws. */
type Part = 'startSpan' | 'setAttributes' | 'end' | 'inject' | 'extract';

function setUp(broken: readonly Part[]): void {
  const doing = (part: Part, result?: unknown) => (): never => {
    if (broken.includes(part)) throw new Error(`broken ${part}`);
    return result as never;
  };
  const traceId = 'a'.repeat(32);
  const span = {
    spanContext: () => ({ ...INVALID_SPAN_CONTEXT, traceId, spanId: 'b'.repeat(16) }),
    isRecording: () => true,
    setAttributes: doing('setAttributes'),
    end: doing('end'),
  } as unknown as Span;
  const tracer = { startSpan: doing('startSpan', span) } as unknown as Tracer;
  trace.setGlobalTracerProvider({ getTracer: () => tracer } satisfies TracerProvider);
  propagation.setGlobalPropagator({
    inject: doing('inject'),
    extract: (context) => {
      doing('extract')();
      return context;
    },
    fields: () => [],
  });
}

const closers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of closers.splice(0).toReversed()) await one.close();
  trace.disable();
  propagation.disable();
});

async function open(options: ProbeOptions) {
  const opened = await openProbe(options);
  closers.push(opened);
  return opened;
}

interface Passed {
  write(message: Message): void;
  end(): void;
}

const answers: ProbeOptions['handle'] = (given, callback) => {
  if (callback) return (callback as (error: unknown, answer: object) => void)(null, { id: '1' });
  if (typeof (given as Passed).write !== 'function') return of({ id: '1' });
  (given as Passed).write({ id: '1' });
  return (given as Passed).end();
};

const once = (part: Part) => [
  expect.stringMatching(`^OpenTelemetry has failed: "broken ${part}"`) as string,
];

describe.each(['Unary', 'ServerStream', 'ClientStream', 'Bidi', 'PassThrough', 'PassThroughBidi'])(
  'a call of %s',
  (method) => {
    it.each<Part>(['startSpan', 'setAttributes', 'end', 'extract'])(
      'is answered although %s throws, which is told of once',
      async (part) => {
        const { invoke, log } = await open({ handle: answers });
        setUp([part]);
        for (const _ of [1, 2])
          expect((await invoke(method, { timeout: 1_000 })).messages).toEqual([{ id: '1' }]);
        await waitFor(() => log.messages('error').length > 0);
        expect(log.messages('error')).toEqual(once(part));
      },
    );
  },
);

interface Probe {
  unary(request: Message): Promise<Message>;
}

@Injectable()
class Caller {
  constructor(@InjectGrpcService('probe.v1.Probe') readonly probe: GrpcService<Probe>) {}
}

it.each<Part>(['startSpan', 'setAttributes', 'end', 'inject'])(
  'a call that is made is answered although %s throws, which is told of once',
  async (part) => {
    const { url } = await open({ handle: answers, tracing: false });
    @Module({
      imports: [GrpcClientsModule.register([{ packages: 'probe.v1', protoPath: PROTO, url }])],
      providers: [Caller],
      exports: [Caller],
    })
    class CallerModule {}
    const { app, log, close } = await openContext(CallerModule);
    closers.push({ close });
    setUp([part]);
    const { probe } = app.get(Caller);
    for (const _ of [1, 2]) expect(await probe.unary({ id: 'a' })).toEqual({ id: '1' });
    expect(log.messages('error')).toEqual(once(part));
  },
);
