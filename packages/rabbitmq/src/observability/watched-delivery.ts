import {
  handlerName,
  type AmqpDeliveryLike,
  type MessageContext,
  type Settling,
} from '@acme/nest-message-context';
import { errorCodeOf } from '@acme/nest-message-context/observability';
import type { DeliveryWatch, Told } from '../consumers/unsettled.js';
import { comesAgain } from '../core/comes-again.js';
import { queueWaitMs } from '../core/queue-wait.js';
import type { SettlePlan } from '../core/settle-plan.js';
import type { RabbitMqSettledEvent, SettleOutcome } from './event.js';
import type { DeliverySpan } from './tracing.js';

/** Kept on the delivery itself, as all that find it have it. */
const WATCH = Symbol('watch');

/** Undefined of a delivery that nobody watches. */
export const watchOf = (delivery: object): WatchedDelivery | undefined =>
  (delivery as { readonly [WATCH]?: WatchedDelivery })[WATCH];

/** What is known of a delivery when it is settled. */
export type Settled = Omit<RabbitMqSettledEvent, 'at'> & {
  readonly correlationId: string | undefined;
  /** Whether somebody has to look at it: not what is put off or given back without a failure. */
  readonly failed: boolean;
};

type Hop = Exclude<SettlePlan, { readonly action: 'answer' }>;

/** Watches one delivery from when it comes in until the broker is told. */
export class WatchedDelivery implements DeliveryWatch {
  readonly #cameAt = Date.now();
  #since = performance.now();
  #handledMs: number | undefined;
  #context: MessageContext | undefined;
  #settling: Settling | undefined;
  #hop: Hop | undefined;
  #settled: Settled | undefined;

  constructor(
    private readonly delivery: AmqpDeliveryLike,
    private readonly queue: string | undefined,
    private readonly span: DeliverySpan | undefined,
    private readonly tell: (settled: Settled) => void,
  ) {
    Object.defineProperty(delivery, WATCH, { value: this });
  }

  within(deliver: () => void): void {
    if (this.span) this.span.within(deliver);
    else deliver();
  }

  /** Its context is open. */
  entered(context: MessageContext): void {
    this.#context = context;
  }

  /** Its turn has come, or comes once more: what it waited for that is no work. */
  begins(): void {
    this.#since = performance.now();
  }

  /** Its handler has ended, and it is not simply acked. */
  handled(settling: Settling): void {
    this.#settling = settling;
    this.#end();
  }

  /** It is in its next queue. */
  moved(hop: Hop): void {
    this.#hop = hop;
  }

  settling(told: Told): void {
    this.#end();
    this.#settled = this.#describe(told);
    this.span?.describe(this.#settled);
  }

  settled(): void {
    this.span?.end();
    if (this.#settled) this.tell(this.#settled);
  }

  #end(): void {
    this.#handledMs ??= performance.now() - this.#since;
  }

  #describe(told: Told): Settled {
    const { messageId, type, headers } = this.delivery.properties;
    const { timestamp } = this.delivery.properties as { readonly timestamp?: unknown };
    const message = this.#context?.message;
    const attempt = message?.attempt ?? (this.delivery.fields.redelivered ? 2 : 1);
    const error = this.#error();
    return {
      type: this.#outcome(told),
      queue: this.queue,
      messageId,
      messageType: type,
      handler: message?.deliveredTo && handlerName(message.deliveredTo.handler),
      attempt,
      durationMs: this.#handledMs ?? 0,
      // What comes again has waited for other reasons, too.
      queueWaitMs: comesAgain(this.delivery)
        ? undefined
        : queueWaitMs({ timestamp, headers }, this.#cameAt),
      parkedFor: told === 'acked' && this.#hop?.action === 'park' ? this.#hop.code : undefined,
      retryAfterMs:
        told === 'acked' && this.#hop?.action === 'retry' ? this.#hop.afterMs : undefined,
      errorCode: error === undefined ? undefined : errorCodeOf(error),
      correlationId: this.#context?.correlationId,
      failed: error !== undefined && !this.#isPutOff(),
    };
  }

  #outcome(told: Told): SettleOutcome {
    if (told !== 'acked' || !this.#hop) return told;
    return this.#hop.action === 'park' ? 'parked' : 'retried';
  }

  /** A request that failed is acked: its caller was answered with the error. */
  #error(): unknown {
    if (this.#settling) return this.#settling.error;
    const message = this.#context?.message;
    return message?.expectsReply ? message.thrown?.error : undefined;
  }

  #isPutOff(): boolean {
    const decision = this.#settling?.decision;
    return (
      decision?.action === 'requeue' || (decision?.action === 'retry' && !decision.countAttempt)
    );
  }
}
