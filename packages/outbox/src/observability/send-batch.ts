import type { OutboundMessage } from '@acme/nest-message-context';
import {
  isSampled,
  SPAN_KIND,
  spanContextOf,
  STATUS_ERROR,
  type LinkLike,
} from '@acme/nest-message-context/observability';
import type { Outcome } from '../relay/outcome.js';
import { destinationOf } from './broker-info.js';
import { errorCodeOf } from './error-code.js';
import type { Tracing } from './tracing.js';

/** As many as an SDK keeps by default. */
const MAX_LINKS = 128;
const MAX_MESSAGES = 200;
const MAX_MS = 50;

/**
 * Messages that the relay has handed over one shortly after the other. Becomes one span when the last of them has its outcome:
 * one for each message would cost more than publishing it.
 */
export class SendBatch {
  readonly #startedAt = now();
  readonly #links = new Map<string, LinkLike>();
  readonly #destinations = new Set<string | undefined>();
  readonly #errors = new Set<string>();
  #first: OutboundMessage | undefined;
  #count = 0;
  #pending = 0;
  #failed = 0;

  constructor(private readonly tracing: Tracing) {}

  get isFull(): boolean {
    return this.#count >= MAX_MESSAGES || now() - this.#startedAt >= MAX_MS;
  }

  add(message: OutboundMessage): void {
    this.#first ??= message;
    this.#count += 1;
    this.#pending += 1;
    this.#destinations.add(destinationOf(message.exchange, this.tracing.broker));
    if (this.#links.size >= MAX_LINKS) return;
    const context = spanContextOf(message.headers);
    // A trace that is not kept needs no link.
    if (context && isSampled(context)) this.#links.set(context.spanId, { context });
  }

  /** Returns whether nothing is under way any more: then the span is made. */
  settle(outcome: Outcome): boolean {
    this.#pending -= 1;
    if (outcome.status !== 'confirmed') {
      this.#failed += 1;
      this.#errors.add('error' in outcome ? errorCodeOf(outcome.error) : 'UNROUTABLE');
    }
    if (this.#pending > 0) return false;
    if (this.#links.size > 0) this.#end();
    return true;
  }

  #end(): void {
    const destination = only(this.#destinations);
    const name = destination === undefined ? 'send' : `send ${destination}`;
    const span = this.tracing.tracer?.startSpan(name, {
      kind: SPAN_KIND.client,
      root: true,
      startTime: this.#startedAt,
      links: [...this.#links.values()],
      attributes: {
        ...this.tracing.attributes,
        'messaging.operation.name': 'send',
        'messaging.operation.type': 'send',
        ...(destination !== undefined && { 'messaging.destination.name': destination }),
        ...this.#contents(),
      },
    });
    if (this.#failed > 0) {
      const code = only(this.#errors) ?? '_OTHER';
      span?.setAttributes({ 'error.type': code, 'outbox.failed_messages': this.#failed });
      span?.setStatus({ code: STATUS_ERROR, message: code });
    }
    span?.end(now());
  }

  #contents(): Record<string, string | number> {
    const { messageId, type } = this.#first ?? {};
    return this.#count === 1 && messageId !== undefined && type !== undefined
      ? { 'messaging.message.id': messageId, 'outbox.message.type': type }
      : { 'messaging.batch.message_count': this.#count };
  }
}

function only<T>(values: ReadonlySet<T>): T | undefined {
  const [first] = values;
  return values.size === 1 ? first : undefined;
}

/** Unix milliseconds with a fraction, that never go back. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
