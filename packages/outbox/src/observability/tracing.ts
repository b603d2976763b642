import { HeaderNames, type HeaderValue } from '@acme/nest-message-context';
import {
  headersOfSpan,
  OtelScope,
  SPAN_KIND,
  spanContextOf,
  STATUS_ERROR,
  type Attributes,
  type ContextLike,
  type OtelApi,
  type SpanLike,
  type TracerLike,
} from '@acme/nest-message-context/observability';
import type { MessageContent } from '../contracts/messages.js';
import { destinationOf, type BrokerInfo } from './broker-info.js';
import { errorCodeOf } from './error-code.js';
import { SCOPE } from './scope.js';

type Headers = Readonly<Record<string, HeaderValue>>;

/** What `add()` does, as far as its span is concerned. */
export interface Adding {
  /** What the messages inherit, with the trace that they belong to. */
  readonly headers: Headers;
  /** What is added is known now. */
  of(messages: readonly MessageContent[]): void;
}

/** Spans of OpenTelemetry, as its conventions for messaging name them. */
export class Tracing {
  readonly #scope: OtelScope<undefined>;

  constructor(
    private readonly api: OtelApi,
    /** Of every span. */
    readonly attributes: Attributes,
    readonly broker: BrokerInfo,
  ) {
    this.#scope = new OtelScope(api, SCOPE, () => undefined);
  }

  /** Whether somebody traced when the relay last looked. */
  isWanted = false;

  /** Undefined where nobody traces. */
  get tracer(): TracerLike | undefined {
    return this.#scope.tracer;
  }

  /**
   * Runs `add` in a span: a child of the one that is active, or else of that which the message being handled came with. It is
   * the messages' own: what consumers make is its child, whoever publishes them, and when.
   */
  adding<R>(inherited: Headers, add: (adding: Adding) => Promise<R>): Promise<R> {
    const { tracer, api } = this;
    if (!tracer) return add(untraced(inherited));
    const parent = this.#parent(inherited);
    const attributes = {
      ...this.attributes,
      'messaging.operation.name': 'create',
      'messaging.operation.type': 'create',
    };
    const span = tracer.startSpan('create', { kind: SPAN_KIND.producer, attributes }, parent);
    const context = api.trace.setSpan(parent, span);
    const headers = this.#carried(span, context, inherited);
    const of = (messages: readonly MessageContent[]): void => this.#describe(span, messages);
    return api.context.with(context, () => ended(span, () => add({ headers, of })));
  }

  /**
   * Runs `work` so that instrumentations make no spans: theirs would be one for each message, in a trace of its own, and would
   * replace the trace that the message carries. What it is given to call back runs as if it were outside.
   */
  quietly(work: (outside: (back: () => void) => void) => void): void {
    const { context } = this.api;
    const active = context.active();
    context.with(this.#scope.quiet, () => work((back) => context.with(active, back)));
  }

  #parent(inherited: Headers): ContextLike {
    const { context, trace } = this.api;
    const active = context.active();
    const remote = trace.getSpanContext(active) ? undefined : spanContextOf(inherited);
    return remote ? trace.setSpan(active, trace.wrapSpanContext(remote)) : active;
  }

  /** What propagators add that the application has set up, and always what W3C asks for. */
  #carried(span: SpanLike, context: ContextLike, inherited: Headers): Headers {
    const carried = headersOfSpan(this.api, span, context);
    if (!carried) return inherited;
    const headers: Record<string, HeaderValue> = { ...inherited };
    // Of the trace before this one.
    delete headers[HeaderNames.tracestate];
    return Object.assign(headers, carried);
  }

  #describe(span: SpanLike, messages: readonly MessageContent[]): void {
    const [first] = messages;
    if (!first) return;
    const one = <T>(of: (message: MessageContent) => T): T | undefined =>
      messages.every((message) => of(message) === of(first)) ? of(first) : undefined;
    const type = one((message) => message.type);
    const destination = one(({ exchange }) => destinationOf(exchange, this.broker));
    if (type !== undefined) span.updateName(`create ${type}`);
    span.setAttributes({
      ...(type !== undefined && { 'outbox.message.type': type }),
      ...(destination !== undefined && { 'messaging.destination.name': destination }),
      ...(messages.length === 1
        ? { 'messaging.message.id': first.messageId }
        : { 'messaging.batch.message_count': messages.length }),
    });
  }
}

export const untraced = (headers: Headers): Adding => ({ headers, of: () => {} });

/** Ends the span as `work` ends, whether it throws at once or rejects. */
function ended<R>(span: SpanLike, work: () => Promise<R>): Promise<R> {
  const failed = (error: unknown): void => {
    const code = errorCodeOf(error);
    span.setAttributes({ 'error.type': code });
    span.setStatus({ code: STATUS_ERROR, message: code });
    span.end();
  };
  let working: Promise<R>;
  try {
    working = work();
  } catch (error) {
    failed(error);
    throw error;
  }
  // Beside it, so that the caller gets the promise itself, and nothing it does is waited for.
  working.then(() => span.end(), failed);
  return working;
}
