import type { Client, Metadata } from '@grpc/grpc-js';
import { HeaderNames, type MessageContext } from '@acme/nest-message-context';
import {
  headersOfSpan,
  loadOtelApi,
  OtelScope,
  SPAN_KIND,
  spanContextOf,
  type Attributes,
  type ContextLike,
  type OtelApi,
} from '@acme/nest-message-context/observability';
import { readSafely } from '../core/read-safely.js';
import { CallSpan } from './call-span.js';
import type { Harmless } from './harmless.js';
import { isFailure, methodAttributes } from './rpc-attributes.js';
import { SCOPE } from './scope.js';

/** Makes the spans of the calls of one client, unless an instrumentation of grpc-js makes them. */
export class ClientSpans {
  readonly #scope: OtelScope<undefined>;
  readonly #server: Attributes;

  constructor(
    private readonly api: OtelApi,
    private readonly client: Client,
    private readonly safely: Harmless,
  ) {
    this.#scope = new OtelScope(api, SCOPE, () => undefined);
    this.#server = serverAttributes(client.getChannel().getTarget());
  }

  /** Where the API of OpenTelemetry is installed. */
  static async load(client: Client, safely: Harmless): Promise<ClientSpans | undefined> {
    const api = await loadOtelApi();
    return api && new ClientSpans(api, client, safely);
  }

  /** Undefined where nobody traces, or somebody else does. The trace that `metadata` carries is that of the span then. */
  begin(
    path: string,
    metadata: Metadata,
    context: MessageContext | undefined,
  ): CallSpan | undefined {
    return this.safely(() => this.#begin(path, metadata, context));
  }

  #begin(
    path: string,
    metadata: Metadata,
    context: MessageContext | undefined,
  ): CallSpan | undefined {
    const { tracer } = this.#scope;
    if (!tracer || isWrapped(this.client)) return undefined;
    const { api } = this;
    const parent = this.#parent(context);
    const attributes = { ...methodAttributes(path), ...this.#server };
    const span = tracer.startSpan(path.slice(1), { kind: SPAN_KIND.client, attributes }, parent);
    const inside = api.trace.setSpan(parent, span);
    const headers = this.safely(() => headersOfSpan(api, span, inside));
    if (headers) {
      // Of the trace before this one.
      metadata.remove(HeaderNames.tracestate);
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    }
    return new CallSpan(span, isFailure, this.safely, { api, inside });
  }

  /** What is active, else what the message came with that is being handled. */
  #parent(context: MessageContext | undefined): ContextLike {
    const { trace, context: contexts } = this.api;
    const active = contexts.active();
    if (trace.getSpanContext(active)) return active;
    const traceparent = context?.message.headers.get(HeaderNames.traceparent);
    const sender = spanContextOf({ [HeaderNames.traceparent]: traceparent });
    return sender ? trace.setSpan(active, trace.wrapSpanContext(sender)) : active;
  }
}

/** By an instrumentation of OpenTelemetry, which leaves that on what it wraps: its spans begin within the call, where nobody sees them. */
const isWrapped = (client: Client): boolean =>
  readSafely(readSafely(client, 'makeUnaryRequest'), '__wrapped') === true;

/** @param target `dns:orders:50051`, `unix:/run/orders.sock` */
function serverAttributes(target: string): Attributes {
  const address = target.replace(/^unix:(?:\/\/)?|^[a-z][\w+.-]*:(?:\/\/[^/]*\/)?/, '');
  // Of several addresses it is not known before which one a call goes to.
  const [, host = address, port] = /^([^,]*):(\d+)$/.exec(address) ?? [];
  return { 'server.address': host, ...(port !== undefined && { 'server.port': Number(port) }) };
}
