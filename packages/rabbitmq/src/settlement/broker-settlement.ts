import {
  HeaderNames,
  LocalSettlement,
  Settlement,
  type AmqpDeliveryLike,
  type BrokerAnswer,
  type Settling,
} from '@acme/nest-message-context';
import type { Logger } from '@nestjs/common';
import { failureHeaders, withFailure } from '../core/failure-record.js';
import { deadLetterQueue, waitQueue, waitQueueName } from '../core/hop-queues.js';
import { attemptOf, countIn, hopProperties, originOf, timeIn } from '../core/hop-properties.js';
import { tiersOf } from '../core/retry-policy.js';
import { planSettle, type SettlePlan } from '../core/settle-plan.js';
import type { QueuePolicy, RabbitMqSettings } from '../rabbitmq.options.js';
import type { HopPublisher, QueueOf } from './hop-publisher.js';

type Hop = Exclude<SettlePlan, { readonly action: 'answer' }>;

/**
 * Carries out "retry" and "park" at the broker: the message is published to a wait queue or to the dead-letter queue, and acked
 * once the broker has confirmed that. A crash in between leaves it in both, never in neither.
 */
export class BrokerSettlement extends Settlement {
  readonly keepsParked = true;
  readonly #local = new LocalSettlement();

  constructor(
    private readonly hops: HopPublisher,
    private readonly settings: Pick<RabbitMqSettings, 'policyOf' | 'service'>,
    private readonly log: Pick<Logger, 'warn'>,
  ) {
    super();
  }

  /** Rejects where the broker has not confirmed: the message is then held here a while, and given back. */
  answer(settling: Settling): BrokerAnswer | Promise<BrokerAnswer> {
    const { queue, decision, needsRoutingKey } = settling;
    // What comes back by the name of the queue would be lost to such a consumer, or find no such queue any more.
    if (queue === undefined || (needsRoutingKey && decision.action === 'retry'))
      return this.#local.answer(settling);
    const policy = this.settings.policyOf(queue);
    const plans = settling.deliveries.map((delivery) => this.#planOf(delivery, settling, policy));
    const [first] = plans;
    // One decision for a batch; only how often each was tried differs.
    if (first?.action === 'answer') return first.answer;
    return this.#publishAll(plans as Hop[], { ...settling, queue }, policy);
  }

  release(): void {
    this.#local.release();
  }

  /**
   * Declares the wait queues and the dead-letter queue of a queue, so that what is wrong with them is found before a message fails.
   *
   * @throws {HopFailedError} when the broker refuses one
   * @throws {PublishError} when there is no broker, or it does not answer
   */
  async declare(queue: string): Promise<void> {
    const policy = this.settings.policyOf(queue);
    for (const target of [
      deadLetterTarget(queue, policy),
      ...tiersOf(policy.retry).map((afterMs) => waitTarget(queue, afterMs, policy)),
    ])
      await this.hops.declare(...target);
  }

  #planOf(
    { properties: { headers } }: AmqpDeliveryLike,
    { decision, message, deliveries }: Settling,
    { retry }: QueuePolicy,
  ): SettlePlan {
    const counted = attemptOf(headers, headers?.['x-delivery-count']);
    return planSettle({
      decision,
      policy: retry,
      delivery: {
        // As its handler saw it; a batch as a whole has no number.
        attempt: deliveries.length === 1 ? Math.max(counted, message.attempt) : counted,
        deferrals: countIn(headers, HeaderNames.deferrals),
        firstFailedAt: timeIn(headers, HeaderNames.firstFailedAt),
      },
      now: Date.now(),
      random: Math.random,
    });
  }

  async #publishAll(
    plans: readonly Hop[],
    settling: Settling & { readonly queue: string },
    policy: QueuePolicy,
  ): Promise<BrokerAnswer> {
    const hops = settling.deliveries.map((delivery, index) =>
      this.#publish(delivery, plans[index] as Hop, settling, policy),
    );
    await Promise.all(hops);
    return 'ack';
  }

  async #publish(
    delivery: AmqpDeliveryLike,
    plan: Hop,
    settling: Settling & { readonly queue: string },
    policy: QueuePolicy,
  ): Promise<void> {
    const { queue } = settling;
    const headers = this.#headersOf(delivery, plan, settling, policy);
    const target = await this.hops.publish(delivery, headers, ...targetOf(plan, queue, policy));
    if (plan.action === 'park')
      this.log.warn(
        `Parked "${settling.message.name}" ${delivery.properties.messageId ?? '(no message id)'} in "${target}": ${plan.code}. ${plan.reason}`,
      );
  }

  #headersOf(
    delivery: AmqpDeliveryLike,
    plan: Hop,
    { error, message, queue }: Settling & { readonly queue: string },
    { stack }: QueuePolicy,
  ): Record<string, unknown> {
    const { headers } = hopProperties(delivery);
    const isParked = plan.action === 'park';
    const record = failureHeaders({
      error,
      code: isParked ? plan.code : 'RETRY',
      reason: isParked ? plan.reason : '',
      attempt: isParked ? message.attempt : plan.attempt,
      firstFailedAt: timeIn(headers, HeaderNames.firstFailedAt),
      now: Date.now(),
      origin: originOf(delivery, queue),
      service: this.settings.service,
      // With every retry it would only be in the way.
      includeStack: isParked && stack,
    });
    const next = withFailure(headers, record);
    if (!isParked && plan.deferrals > 0) next[HeaderNames.deferrals] = plan.deferrals;
    return next;
  }
}

type Target = [key: string, queueOf: QueueOf];

const targetOf = (plan: Hop, queue: string, policy: QueuePolicy): Target =>
  plan.action === 'park'
    ? deadLetterTarget(queue, policy)
    : waitTarget(queue, plan.afterMs, policy);

function deadLetterTarget(
  queue: string,
  { queueType, deadLetterQueue: name = `${queue}.dlq` }: QueuePolicy,
): Target {
  return [name, (facts) => deadLetterQueue(name, queueType, facts)];
}

function waitTarget(queue: string, afterMs: number, { queueType }: QueuePolicy): Target {
  return [waitQueueName(queue, afterMs), (facts) => waitQueue(queue, afterMs, queueType, facts)];
}
