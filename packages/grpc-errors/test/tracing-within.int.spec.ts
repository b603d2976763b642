// What a handler does belongs to the span of its call, whenever and by whatever it is done.
import 'reflect-metadata';
import { waitFor } from '@acme/internal-testing';
import { MessageContext } from '@acme/nest-message-context';
import { SpanKind, trace } from '@opentelemetry/api';
import { Observable } from 'rxjs';
import { afterEach, expect, it } from 'vitest';
import { openProbe, type Message, type ProbeOptions } from './support/probe-app.js';
import { spansOf, useOtel } from './support/telemetry.js';

const here = useOtel();
let opened: Awaited<ReturnType<typeof openProbe>> | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
});
const open = async (options: ProbeOptions) => (opened = await openProbe(options));
const serverSpan = () =>
  waitFor(() => spansOf(here.otel, SpanKind.SERVER)[0], { what: 'the span' });
const did = (what: string): void => trace.getTracer('test').startSpan(what).end();

interface Passed {
  on(event: string, listener: (message?: Message) => void): void;
  end(): void;
}
type Answer = (error: unknown, answer: Message) => void;

it.each<[string, ProbeOptions['handle']]>([
  [
    'ClientStream',
    (messages) =>
      new Observable((subscriber) =>
        (messages as Observable<Message>).subscribe({
          next: () => did('message'),
          complete: () => {
            subscriber.next({ id: '1' });
            subscriber.complete();
          },
        }),
      ),
  ],
  [
    'PassThrough',
    (call, answer) => {
      (call as Passed).on('data', () => did('message'));
      (call as Passed).on('end', () => (answer as Answer)(null, { id: '1' }));
    },
  ],
])('messages that come later are handled within it: %s', async (method, handle) => {
  const { invoke } = await open({ handle });
  const messages = () => here.otel.spans('message');
  await invoke(method, {
    onCall: (call) => {
      call.write({ id: 'a' });
      void waitFor(() => messages().length === 1).then(() => {
        call.write({ id: 'b' });
        call.end();
      });
    },
  });
  const { spanId } = (await serverSpan()).spanContext();
  expect(messages().map(({ parentSpanContext: parent }) => parent?.spanId)).toEqual([
    spanId,
    spanId,
  ]);
});

it('what a handler that has the call gives is subscribed to within it', async () => {
  const { invoke } = await open({
    handle: (call) =>
      new Observable((subscriber) => {
        did('subscribed');
        (call as Passed).end();
        subscriber.complete();
      }),
  });
  await invoke('PassThroughBidi');
  const { spanId } = (await serverSpan()).spanContext();
  expect(here.otel.spans('subscribed')[0]?.parentSpanContext?.spanId).toBe(spanId);
});

it('says that the caller has gone whose answer came after that', async () => {
  let begun = false;
  const { invoke } = await open({
    handle: async () => {
      const { signal } = MessageContext.require().message;
      begun = true;
      await new Promise((gone) => signal.addEventListener('abort', gone));
      return { id: '1' };
    },
  });
  await invoke('Unary', { onCall: (call) => void waitFor(() => begun).then(() => call.cancel()) });
  expect((await serverSpan()).attributes['rpc.response.status_code']).toBe('CANCELLED');
});
