import {
  decisionFor,
  handlerName,
  Requeue,
  type AmqpDeliveryLike,
  type InboundMessage,
} from '@acme/nest-message-context';
import { durationText } from '@acme/nest-message-context/kit';
import type { Logger } from '@nestjs/common';
import { historyOf } from '../core/delivery-history.js';
import { LONGEST_HOLD_MS } from '../core/hold.js';
import { textOf } from '../core/read-safely.js';
import { planSettle } from '../core/settle-plan.js';
import { watchOf } from '../observability/watched-delivery.js';
import type { RabbitMqSettings } from '../rabbitmq.options.js';
import type { Repeats } from '../settlement/repeats.js';
import { judged, judgeOf } from '../settlement/judged.js';
import { isGivenBack } from './given-back.js';
import type { Held, Past } from './held.js';

/** More messages than this are not held for long at once: they would have to be of so many keys. */
const REMEMBERED = 1_000;

/**
 * Tries a message again where it is, after the pauses of its queue, until it has succeeded or is given up: at the broker it would be
 * overtaken.
 */
export class Blocking {
  /** Of messages that went back because they were held for long, by their ids. */
  readonly #past = new Map<string, Past>();

  constructor(
    private readonly settings: Pick<RabbitMqSettings, 'policyOf'>,
    private readonly repeats: Repeats,
    private readonly log: Pick<Logger, 'warn'>,
  ) {}

  async run(held: Held, next: () => Promise<unknown>): Promise<unknown> {
    let error: unknown;
    for (;;) {
      await this.due(held, error);
      try {
        const result = await next();
        held.goesBack = isGivenBack(held.message, result);
        return result;
      } catch (thrown) {
        error = thrown;
        this.failed(error, held);
      }
    }
  }

  /**
   * Plans the next attempt.
   *
   * @throws the error itself, where it is not to be tried again here
   */
  failed(error: unknown, held: Held): void {
    const { message, arrival } = held;
    const decided = message.delivery.decision;
    const { retry: policy, retryIf } = this.settings.policyOf(
      arrival.among.queue ?? '',
      message.deliveredTo,
    );
    const decision =
      decided && decided.action !== 'ack'
        ? decided
        : judged(decisionFor(error), { error, message }, judgeOf(retryIf, this.log));
    held.goesBack = decision.action === 'requeue';
    // Whoever has settled by hand cannot take that back, and a caller who was answered is served.
    if (decision === decided || decision.action !== 'retry' || isAnswered(message)) throw error;
    const now = Date.now();
    const past = held.past ?? this.#recall(held);
    // It has come again, and its guards do not wait until it is due: that was no attempt.
    const isAhead = !held.past && past.dueAt !== undefined && past.dueAt > now;
    held.past = past;
    if (isAhead) return;
    const plan = planSettle({ decision, policy, delivery: past, now, random: Math.random });
    if (plan.action === 'park') {
      const { code, reason } = plan;
      this.repeats.note(message.raw as object, past);
      message.delivery.settle({ action: 'park', code, reason });
    }
    if (plan.action !== 'retry') throw error;
    this.#tell(error, past, plan.afterMs, policy.attempts, held);
    const { attempt, deferrals, afterMs } = plan;
    const { firstFailedAt = now } = past;
    held.past = { attempt, deferrals, firstFailedAt, dueAt: now + afterMs };
  }

  /**
   * Resolves when the next attempt is to begin. For whoever's turn it is in his lane.
   *
   * @throws {Requeue} where that is not to be waited for here
   */
  async due(held: Held, cause: unknown): Promise<void> {
    const { message } = held;
    // Once more: another delivery of it, which was lost, may have been tried meanwhile.
    const past = (held.past = later(held.past, this.#recall(held)));
    await this.#untilDue(past, held, cause);
    message.repeatAs(past.attempt);
    this.repeats.note(message.raw as object, past);
    watchOf(message.raw as object)?.begins();
  }

  /** It goes back: where it comes again here, it goes on where it was. */
  remember(held: Held): void {
    const id = idOf(held);
    if (id === undefined || !held.past) return;
    this.#past.set(id, held.past);
    const [oldest] = this.#past.keys();
    if (this.#past.size > REMEMBERED) this.#past.delete(oldest as string);
  }

  async #untilDue(past: Past, held: Held, cause: unknown): Promise<void> {
    held.until ??= performance.now() + LONGEST_HOLD_MS;
    if (past.dueAt === undefined) return;
    const pause = past.dueAt - Date.now();
    const left = held.until - performance.now();
    if (pause > 0) await held.pauses.wait(Math.min(pause, left));
    if (pause <= left && !held.pauses.areOver && !held.arrival.isLost) return;
    this.remember(held);
    held.goesBack = true;
    throw new Requeue({
      message: `REQUEUE: given back before attempt ${past.attempt}`,
      cause,
    });
  }

  #tell(error: unknown, { attempt }: Past, afterMs: number, most: number, held: Held): void {
    const { name, messageId = '(no message id)' } = held.message;
    this.log.warn(
      `"${name}" ${messageId} failed on attempt ${attempt} of ${most}: ${textOf(error)}. It is tried again in ${durationText(afterMs)}, ` +
        `and messages of its key (${held.key}) wait for it.`,
    );
  }

  #recall(held: Held): Past {
    const { message } = held;
    const known = historyOf(message.raw as AmqpDeliveryLike, message.attempt);
    const id = idOf(held);
    const past = id === undefined ? undefined : this.#past.get(id);
    if (id === undefined || !past) return known;
    this.#past.delete(id);
    // It has not come again for long: who has that id now is another one, or was redriven.
    if (past.dueAt !== undefined && Date.now() - past.dueAt > LONGEST_HOLD_MS) return known;
    return { ...past, attempt: Math.max(past.attempt, known.attempt) };
  }
}

/** What both have been through. */
function later(one: Past | undefined, other: Past): Past {
  if (!one) return other;
  const dueAt = Math.max(one.dueAt ?? 0, other.dueAt ?? 0);
  return {
    attempt: Math.max(one.attempt, other.attempt),
    deferrals: Math.max(one.deferrals, other.deferrals),
    firstFailedAt: earliest(one.firstFailedAt, other.firstFailedAt),
    ...(dueAt > 0 && { dueAt }),
  };
}

const earliest = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);

function idOf({ message, arrival }: Held): string | undefined {
  const { messageId, deliveredTo, handler = deliveredTo?.handler } = message;
  return messageId && handler
    ? JSON.stringify([arrival.among.queue, handlerName(handler), messageId])
    : undefined;
}

/** A request that failed is answered with the error, and acked: by golevelup where its sender knows errors. */
export const isAnswered = ({ transport, expectsReply, sentDeadline }: InboundMessage): boolean =>
  expectsReply && (transport === 'rmq' || sentDeadline !== undefined);
