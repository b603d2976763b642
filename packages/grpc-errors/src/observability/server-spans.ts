import type { GrpcHandling } from '@acme/nest-message-context';
import {
  contextOfSender,
  loadOtelApi,
  OtelScope,
  SPAN_KIND,
  type OtelApi,
  type SpanLike,
} from '@acme/nest-message-context/observability';
import { CallSpan } from './call-span.js';
import type { Harmless } from './harmless.js';
import { isServersFault, methodAttributes } from './rpc-attributes.js';
import { SCOPE } from './scope.js';

/** Knows the span of each call that is handled here: of an instrumentation of grpc-js, or one that it makes. */
export class ServerSpans {
  readonly #scope: OtelScope<undefined>;
  /** Active where a server was started, and so in all its calls for ever; it is of none of them. */
  readonly #around = new WeakSet<SpanLike>();

  constructor(
    private readonly api: OtelApi,
    private readonly safely: Harmless,
  ) {
    this.#scope = new OtelScope(api, SCOPE, () => undefined);
  }

  /** Where the API of OpenTelemetry is installed. */
  static async load(safely: Harmless): Promise<ServerSpans | undefined> {
    const api = await loadOtelApi();
    return api && new ServerSpans(api, safely);
  }

  /** Called where a server is started. */
  started(): void {
    const active = this.#active();
    if (active) this.#around.add(active);
  }

  /** Undefined where nobody traces. */
  begin(handling: GrpcHandling): CallSpan | undefined {
    return this.safely(() => this.#begin(handling));
  }

  #begin({ context: { message } }: GrpcHandling): CallSpan | undefined {
    const { tracer } = this.#scope;
    if (!tracer) return undefined;
    const active = this.#active();
    if (active && !this.#around.has(active)) {
      if (isServers(active)) return new CallSpan(active, isServersFault, this.safely);
      if (isUnsampled(active)) return undefined;
    }
    const { api } = this;
    const names = message.headers.names();
    const headers = Object.fromEntries(names.map((name) => [name, message.headers.get(name)]));
    const parent = contextOfSender(api, headers);
    const attributes = methodAttributes(message.name);
    const span = tracer.startSpan(
      message.name.slice(1),
      { kind: SPAN_KIND.server, attributes },
      parent,
    );
    const inside = api.trace.setSpan(parent, span);
    return new CallSpan(span, isServersFault, this.safely, { api, inside });
  }

  #active(): SpanLike | undefined {
    return this.api.trace.getSpan(this.api.context.active());
  }
}

const isServers = (span: SpanLike): boolean =>
  (span as { readonly kind?: unknown }).kind === SPAN_KIND.server && span.isRecording();

/** Somebody has decided that this call is not traced: spans of the SDK have a kind, also when they have ended. */
const isUnsampled = (span: SpanLike): boolean =>
  !span.isRecording() && !('kind' in span) && span.spanContext().isRemote !== true;
