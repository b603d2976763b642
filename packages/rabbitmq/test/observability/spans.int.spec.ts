import { waitFor } from '@acme/internal-testing';
import { MessageContext, NonRetryableError, RetryLater } from '@acme/nest-message-context';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { Options } from 'amqplib';
import { describe, expect, it } from 'vitest';
import { ConsumerGround } from '../support/consumer-ground.js';
import { CONSUMERS, slug, type ConsumerOptions } from '../support/consumers.js';
import { instrumentAmqplib, processSpans, useTelemetry } from '../support/telemetry-ground.js';

const here = useTelemetry();

const TRACE = 'a'.repeat(32);
const SENDER = 'b'.repeat(16);
const TRACED = { traceparent: `00-${TRACE}-${SENDER}-01` };
const retry = { attempts: 2, initial: 50, max: 50, jitter: false } as const;

describe.each(CONSUMERS)('the spans of %s', (kind, open) => {
  const ground = () => {
    const suffixes = ['retry.50', 'dlq'];
    const own = new ConsumerGround(here.broker, open, `${slug(kind)}-spans`, suffixes);
    const { queue, exchange } = own;
    const start = (options: Partial<ConsumerOptions> = {}) =>
      own.start({ module: { retry }, ...options });
    const send = async (properties: Options.Publish = {}) => {
      const channel = await here.broker.confirmChannel();
      const options = { type: 'placed', messageId: 'm-1', headers: { ...TRACED }, ...properties };
      channel.publish(exchange, 'placed', Buffer.from('{}'), options);
      await channel.waitForConfirms();
      await channel.close();
    };
    const spans = async (count: number) => {
      await waitFor(() => processSpans(here.otel, queue).length >= count, {
        what: `${count} spans`,
      });
      return processSpans(here.otel, queue);
    };
    return { queue, exchange, start, send, spans };
  };
  const parentOf = ({ parentSpanContext }: { parentSpanContext?: { spanId: string } }) =>
    parentSpanContext?.spanId;

  it('go from sender to guard and handler, and to what they do', async () => {
    const { queue, start, send, spans } = ground();
    const within = (name: string) => here.otel.within(name, async () => true);
    let correlationId: string | undefined;
    await start({
      guard: () => within('guard'),
      handle: async () => {
        correlationId = MessageContext.require().correlationId;
        await within('query');
      },
    });
    await send();
    const [span, ...others] = await spans(1);
    expect(others).toEqual([]);
    expect(span).toMatchObject({ kind: SpanKind.CONSUMER, status: { code: SpanStatusCode.UNSET } });
    expect(span!.name).toBe(`process ${queue}`);
    expect(span!.spanContext().traceId).toBe(TRACE);
    expect(parentOf(span!)).toBe(SENDER);
    expect(span!.links.map(({ context }) => context.spanId)).toEqual([SENDER]);
    expect(span!.attributes).toEqual({
      'messaging.system': 'rabbitmq',
      'messaging.destination.name': queue,
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.message.id': 'm-1',
      'messaging.message.conversation_id': correlationId,
      'acme.rabbitmq.attempt': 1,
      'acme.rabbitmq.handler': 'Events.placed',
      'acme.rabbitmq.message.type': 'placed',
      'acme.rabbitmq.outcome': 'acked',
    });
    for (const name of ['guard', 'query'])
      expect(here.otel.spans(name).map(parentOf)).toEqual([span!.spanContext().spanId]);
  });

  it('begin a trace for each attempt, linked to the sender, and say what has become of it', async () => {
    const { start, send, spans } = ground();
    await start({
      handle: () => {
        throw new TypeError('the database is away');
      },
    });
    await send();
    const [first, second] = await spans(2);
    expect(first!.attributes).toMatchObject({
      'acme.rabbitmq.attempt': 1,
      'acme.rabbitmq.outcome': 'retried',
      'error.type': 'TypeError',
    });
    expect(second!.attributes).toMatchObject({
      'acme.rabbitmq.attempt': 2,
      'acme.rabbitmq.outcome': 'parked',
      'acme.rabbitmq.parked_for': 'RETRIES_EXHAUSTED',
      'error.type': 'TypeError',
    });
    for (const { status } of [first!, second!])
      expect(status).toEqual({ code: SpanStatusCode.ERROR, message: 'TypeError' });
    expect(first!.spanContext().traceId).toBe(TRACE);
    expect(second!.spanContext().traceId).not.toBe(TRACE);
    expect(second!.parentSpanContext).toBeUndefined();
    expect(second!.links.map(({ context }) => context.spanId)).toEqual([SENDER]);
  });

  it('are no failures where a message is put off', async () => {
    const { start, send, spans } = ground();
    await start({
      handle: (_, n) => {
        if (n === 1) throw new RetryLater({ after: 1, countAttempt: false });
      },
    });
    await send();
    const [first, second] = await spans(2);
    expect(first!.status.code).toBe(SpanStatusCode.UNSET);
    expect(first!.attributes).toMatchObject({ 'acme.rabbitmq.outcome': 'retried' });
    expect(second!.attributes).toMatchObject({
      'acme.rabbitmq.outcome': 'acked',
      'acme.rabbitmq.attempt': 1,
    });
    expect(second!.parentSpanContext).toBeUndefined();
  });

  it('are not taken for those of whoever has opened the connection', async () => {
    const { queue, start, send, spans } = ground();
    await here.otel.within('outer', async () => {
      await start();
    });
    await send({ headers: {} });
    const [span] = await spans(1);
    expect(span!.name).toBe(`process ${queue}`);
    expect(span!.parentSpanContext).toBeUndefined();
    expect(span!.links).toEqual([]);
  });

  it('are those of the instrumentation of amqplib where it is there, with what is known here', async () => {
    const remove = instrumentAmqplib();
    try {
      here.otel.propagate();
      const { queue, start, send, spans } = ground();
      await start({
        handle: async () => {
          await here.otel.within('query', async () => {});
          throw new NonRetryableError('ORDER_UNKNOWN');
        },
      });
      await send({ correlationId: 'c-1' });
      const [span, ...others] = await spans(1);
      expect(others).toEqual([]);
      expect(span!.name).toBe(`${queue} process`);
      expect(span!.instrumentationScope.name).toBe('@opentelemetry/instrumentation-amqplib');
      expect(span!.attributes).toMatchObject({
        'acme.rabbitmq.attempt': 1,
        'acme.rabbitmq.outcome': 'parked',
        'acme.rabbitmq.parked_for': 'ORDER_UNKNOWN',
        'messaging.message.conversation_id': 'c-1',
      });
      expect(span!.status.code).toBe(SpanStatusCode.ERROR);
      expect(here.otel.spans('query').map(parentOf)).toEqual([span!.spanContext().spanId]);
    } finally {
      await ConsumerGround.closeAll();
      remove();
    }
  });

  it('do not go from attempt to attempt with that instrumentation', async () => {
    const remove = instrumentAmqplib();
    try {
      here.otel.propagate();
      const { start, send, spans } = ground();
      await start({
        handle: (_, n) => {
          if (n === 1) throw new Error('once');
        },
      });
      await here.otel.within('sender', () => send({ headers: {} }));
      const [first, second] = await spans(2);
      // Siblings: what was sent again carries what its sender has written.
      expect(first!.parentSpanContext!.spanId).toBe(second!.parentSpanContext!.spanId);
      expect(second!.attributes).toMatchObject({ 'acme.rabbitmq.attempt': 2 });
    } finally {
      await ConsumerGround.closeAll();
      remove();
    }
  });
});
