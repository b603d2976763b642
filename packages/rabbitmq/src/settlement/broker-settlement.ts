import {
  HeaderNames,
  LocalSettlement,
  Settlement,
  type AmqpDeliveryLike,
  type BrokerAnswer,
  type FailedHandling,
  type HandlerMethod,
  type Settling,
} from '@acme/nest-message-context';
import type { Logger } from '@nestjs/common';
import type { ClientPauses } from '../consumers/client-pauses.js';
import { historyOf } from '../core/delivery-history.js';
import { attemptHeaders, failureHeaders } from '../core/failure-record.js';
import { parkHeaders, retryHeaders } from '../core/fit-headers.js';
import { waitQueue } from '../core/hop-queues.js';
import { hopProperties, originOf } from '../core/hop-properties.js';
import { textOf } from '../core/read-safely.js';
import {
  HEADERS_TOO_LARGE,
  planSettle,
  type DeliveryHistory,
  type SettlePlan,
} from '../core/settle-plan.js';
import { watchOf } from '../observability/watched-delivery.js';
import type { EarlyPlaces } from '../ordered/early-places.js';
import type { OrderBook } from '../ordered/order-book.js';
import type { QueuePolicy } from '../policy/queue-policy.js';
import type { RabbitMqSettings } from '../rabbitmq.options.js';
import { deadLettersOf } from './dead-letters-of.js';
import { judged, judgeOf, mayPass } from './judged.js';
import type { PatientHops } from './patient-hops.js';
import type { Repeats } from './repeats.js';

type HopPlan = Exclude<SettlePlan, { readonly action: 'answer' }>;

/** What of a delivery goes along. */
interface Hopping extends Pick<Settling, 'deliveries' | 'error'> {
  readonly message: Pick<Settling['message'], 'name' | 'attempt'>;
  readonly queue: string;
  /** Headers that its copy has besides. */
  readonly carried?: Readonly<Record<string, string>> | undefined;
}

/** A delivery that no handler is to see. */
export interface Unhandled {
  readonly delivery: AmqpDeliveryLike;
  readonly queue: string;
  /** Whom it would have come to, where that is known. */
  readonly handler: HandlerMethod | undefined;
  /** Pattern, event name or routing key. */
  readonly name: string;
  /** Stable SCREAMING_SNAKE. */
  readonly code: string;
  readonly reason: string;
}

/**
 * Carries out "retry" and "park" at the broker: the message is published to a wait queue or to the dead-letter queue, and acked
 * once the broker has confirmed that. A crash in between leaves it in both, never in neither.
 */
export class BrokerSettlement extends Settlement {
  readonly keepsParked = true;

  constructor(
    private readonly hops: Pick<PatientHops, 'publish'>,
    private readonly pauses: Pick<ClientPauses, 'of' | 'release'>,
    private readonly settings: Pick<RabbitMqSettings, 'policyOf' | 'service'>,
    private readonly log: Pick<Logger, 'warn'>,
    private readonly repeated: Pick<Repeats, 'of'>,
    private readonly orders: Pick<OrderBook, 'parkingOf' | 'parkingOfUnread'>,
    private readonly early: Pick<EarlyPlaces, 'isOrdered' | 'repeats'>,
  ) {
    super();
  }

  /** Rejects where the broker has not confirmed for long: the message is then given back. */
  answer(given: Settling): BrokerAnswer | Promise<BrokerAnswer> {
    const { queue, handler, needsRoutingKey } = given;
    for (const delivery of given.deliveries) watchOf(delivery)?.handled(given);
    // What comes back would find no such queue any more.
    if (queue === undefined) return this.#held(given);
    const policy = this.settings.policyOf(queue, handler);
    const decision = judged(given.decision, given, judgeOf(policy.retryIf, this.log));
    const settling = decision === given.decision ? given : { ...given, decision };
    const [delivery, ...more] = settling.deliveries;
    if (delivery && more.length === 0) return this.#answerOne(delivery, settling, queue, policy);
    const plans = settling.deliveries.map((one) => this.#planOf(one, settling, policy));
    const [first] = plans;
    // One decision for a batch; only how often each was tried differs.
    if (first?.action === 'answer') return first.answer;
    // Under the name of its queue it would be lost to such a consumer.
    if (needsRoutingKey && first?.action === 'retry') return this.#held(settling);
    return this.#publishAll(plans as HopPlan[], { ...settling, queue }, policy);
  }

  /** Nearly always. Promises of promises would cost every message that fails. */
  #answerOne(
    delivery: AmqpDeliveryLike,
    settling: Settling,
    queue: string,
    policy: QueuePolicy,
  ): BrokerAnswer | Promise<BrokerAnswer> {
    const plan = this.#planOf(delivery, settling, policy);
    if (plan.action === 'answer') return plan.answer;
    if (settling.needsRoutingKey && plan.action === 'retry') return this.#held(settling);
    const { deliveries, error, message } = settling;
    const hopping = { deliveries, error, message, queue };
    const parking = plan.action === 'park' && this.orders.parkingOf(settling, delivery);
    if (!parking) return this.#publish(delivery, plan, hopping, policy);
    return parking.parked((carried) =>
      this.#publish(delivery, plan, { ...hopping, carried }, policy),
    );
  }

  override repeats(failure: FailedHandling, failed: number): false | Promise<boolean> {
    const { queue, handler, message } = failure;
    // Called again at once, it would lose its place.
    if (this.early.isOrdered(handler)) return this.early.repeats(failure);
    const pauses = this.pauses.of(message.raw as object);
    if (queue === undefined || pauses.areOver) return false;
    const policy = this.settings.policyOf(queue, handler);
    const { immediate, immediatePauseMs } = policy;
    if (failed > immediate || !mayPass(failure, judgeOf(policy.retryIf, this.log))) return false;
    this.log.warn(
      `Handling "${message.name}" ${message.messageId ?? '(no message id)'} failed: ${textOf(failure.error)} (called again at once, ${failed} of ${immediate})`,
    );
    return pauses.wait(immediatePauseMs).then(() => !pauses.areOver);
  }

  release(): void {
    this.pauses.release();
  }

  /** Resolves once it is in the dead-letter queue, confirmed; rejects where the broker has not confirmed for long. */
  async park(unhandled: Unhandled): Promise<void> {
    const { delivery, queue, handler, name, code, reason } = unhandled;
    const message = { name, attempt: 1 };
    const hopping = { deliveries: [delivery], error: undefined, message, queue };
    const policy = this.settings.policyOf(queue, handler);
    const park = (carried?: Record<string, string>): Promise<BrokerAnswer> =>
      this.#publish(delivery, { action: 'park', code, reason }, { ...hopping, carried }, policy);
    await (this.orders.parkingOfUnread(unhandled)?.parked(park) ?? park());
  }

  /** Held here, and given back. */
  #held(settling: Settling): BrokerAnswer | Promise<BrokerAnswer> {
    const [delivery] = settling.deliveries;
    return new LocalSettlement(this.pauses.of(delivery ?? settling)).answer(settling);
  }

  #planOf(delivery: AmqpDeliveryLike, settling: Settling, { retry }: QueuePolicy): SettlePlan {
    return planSettle({
      decision: settling.decision,
      policy: retry,
      delivery: this.#historyOf(delivery, settling),
      now: Date.now(),
      random: Math.random,
    });
  }

  #historyOf(
    delivery: AmqpDeliveryLike,
    { deliveries, message }: Pick<Hopping, 'deliveries' | 'message'>,
  ): DeliveryHistory {
    // As its handler saw it; a batch as a whole has no number.
    const attempt = deliveries.length === 1 ? message.attempt : 1;
    return this.repeated.of(delivery) ?? historyOf(delivery, attempt);
  }

  async #publishAll(
    plans: readonly HopPlan[],
    settling: Hopping,
    policy: QueuePolicy,
  ): Promise<BrokerAnswer> {
    const hops = settling.deliveries.map((delivery, index) =>
      this.#publish(delivery, plans[index] as HopPlan, settling, policy),
    );
    await Promise.all(hops);
    return 'ack';
  }

  #publish(
    delivery: AmqpDeliveryLike,
    plan: HopPlan,
    settling: Hopping,
    policy: QueuePolicy,
  ): Promise<BrokerAnswer> {
    const source = settling.queue;
    const properties = hopProperties(delivery);
    const headers = this.#headersOf(delivery, properties.headers, plan, settling, policy);
    if (!headers) return this.#publish(delivery, HEADERS_TOO_LARGE, settling, policy);
    const target =
      plan.action === 'park'
        ? deadLettersOf(source, policy)
        : waitQueue(source, plan.afterMs, policy.queueType);
    properties.headers = headers;
    const { messageId = '(no message id)' } = properties;
    return this.hops.publish({ delivery, properties, source, target }).then(() => {
      watchOf(delivery)?.moved(plan);
      if (plan.action === 'park')
        this.log.warn(
          `Parked "${settling.message.name}" ${messageId} in "${target.name}": ${plan.code}. ${plan.reason}`,
        );
      return 'ack';
    });
  }

  /** Undefined where there is no room for those of a retry; there is always for those of what is parked. */
  #headersOf(
    delivery: AmqpDeliveryLike,
    headers: Record<string, unknown>,
    plan: HopPlan,
    settling: Hopping,
    { stack, redact }: QueuePolicy,
  ): Record<string, unknown> | undefined {
    const { attempt, deferrals, firstFailedAt } = this.#historyOf(delivery, settling);
    const isParked = plan.action === 'park';
    const failure = {
      error: settling.error,
      code: isParked ? plan.code : '',
      reason: isParked ? plan.reason : '',
      attempt: isParked ? attempt : plan.attempt,
      firstFailedAt,
      now: Date.now(),
      origin: originOf(delivery, settling.queue),
      service: this.settings.service,
      includeStack: stack,
      redact,
    };
    delete headers[HeaderNames.deferrals];
    const putOff = isParked ? deferrals : plan.deferrals;
    if (putOff > 0) headers[HeaderNames.deferrals] = putOff;
    Object.assign(headers, settling.carried);
    return isParked
      ? parkHeaders(headers, failureHeaders(failure))
      : retryHeaders(headers, attemptHeaders(failure));
  }
}
