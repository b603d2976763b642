import type { InboundMessage } from '../../context/inbound-message.js';
import type { MessageContext } from '../../context/message-context.js';
import { decisionFor } from '../../delivery/decide.js';
import type { SettleDecision } from '../../delivery/decision.js';
import { repeatHere, type RepeatedOutcome } from '../../delivery/repeat-here.js';
import { rpcErrorOf } from '../../delivery/rpc-error-of.js';
import type { AmqpDeliveryLike } from '../amqp/amqp-facts.js';
import type { AmqpChannelLike } from '../amqp/guarded-channel.js';
import { tellBroker } from '../amqp/tell-broker.js';
import { signalOf } from '../../delivery/outcome-signals.js';
import { reportFailure, type FailureLog } from '../../delivery/report-failure.js';
import type { BrokerAnswer, Settlement, Settling } from '../../delivery/settlement.js';
import { writeSafely } from '../../read-safely.js';

/** `(channel, delivery or deliveries, error)`, as golevelup calls it. */
export type GolevelupErrorHandler = (channel: never, delivery: never, error: unknown) => unknown;

interface DriverParts {
  /** Makes golevelup's own `Nack`: it recognises only its own class. */
  readonly nack: (requeue: boolean) => unknown;
  /** One that never fails. */
  readonly settlement: Settlement;
  readonly log: FailureLog;
}

interface Consumer extends Pick<Settling, 'queue' | 'needsRoutingKey'> {
  /** Answers a request; resolves when the broker has confirmed it. Undefined where none come. */
  readonly reply?: ((request: AmqpDeliveryLike, body: unknown) => PromiseLike<unknown>) | undefined;
  /** The handler came with golevelup's `errorHandler` or `errorBehavior`: errors that are no decision are left to it. */
  readonly ownFailurePolicy: boolean;
}

/** What golevelup would do with an error if our error handler were not in its place. */
export interface GolevelupErrorPolicy {
  /** The user's error handler: it is given what failed, but nothing that was handled and could merely not be settled. */
  readonly errorHandler?: GolevelupErrorHandler | undefined;
  /** The behaviour that the user chose, as golevelup carries it out: it is given everything. */
  readonly behavior?: GolevelupErrorHandler | undefined;
}

const ACK: SettleDecision = { action: 'ack' };

/**
 * Whether the sender of a request knows an error when he gets one: whoever sends a deadline does. To all others, golevelup's own
 * callers among them, an error would look like the reply.
 */
const waits = ({ expectsReply, sentDeadline }: InboundMessage): boolean =>
  expectsReply && sentDeadline !== undefined;

interface Outcome {
  readonly decision?: SettleDecision | undefined;
  readonly response?: unknown;
  readonly error?: unknown;
}

/**
 * Thrown where golevelup has no return value for an answer, and its error handler, which is ours, is the only way to the
 * channel. golevelup logs its stack as an error: hence one line, which says where to look.
 */
const ANSWERED = new Error(
  'This is no further failure: the message is settled as the log of MessageContext says, and golevelup has no other way to do that.',
);
ANSWERED.stack = ANSWERED.message;

/**
 * The answer that a delivery has: an error that follows is about settling, not about handling. Kept on the delivery itself: entries of
 * a WeakMap make the garbage collection of short-lived messages dearer than all that is done with them here.
 */
const ANSWER = Symbol('answer');

interface Answered {
  [ANSWER]?: BrokerAnswer;
}

/** Settles golevelup's deliveries by outcome: golevelup itself acks what returns and nacks on a `Nack`. */
export class GolevelupDriver {
  constructor(private readonly parts: DriverParts) {}

  /**
   * Runs the handler and gives golevelup the return value that carries out the decision. Throws only what the handler's own
   * failure policy has to judge, and what makes golevelup call `safeErrorHandler`.
   */
  async settle(
    context: MessageContext,
    handle: () => unknown,
    consumer: Consumer,
  ): Promise<unknown> {
    const { queue, needsRoutingKey } = consumer;
    const { message } = context;
    const outcome = await this.run(context, handle, consumer);
    const { decision, response, error } = outcome;
    const deliveries = [message.raw].flat() as AmqpDeliveryLike[];
    if (!decision || decision.action === 'ack') {
      this.note('ack', deliveries);
      // Also where nothing was thrown, as `throw undefined` does: a reply would be taken for success.
      if ('error' in outcome) return this.returnValueFor('ack', message.expectsReply);
      return decision && !message.expectsReply ? undefined : response;
    }
    const handler = message.deliveredTo;
    const settling = { decision, message, handler, deliveries, queue, needsRoutingKey, error };
    const answering = this.parts.settlement.answer(settling);
    // It may take minutes, and what comes behind does not have to wait for that.
    message.arrival?.leave();
    const answer = await answering;
    this.note(answer, deliveries);
    return this.returnValueFor(answer, message.expectsReply);
  }

  private async run(
    context: MessageContext,
    handler: () => unknown,
    consumer: Consumer,
  ): Promise<Outcome> {
    const { message } = context;
    const { delivery } = message;
    const { ownFailurePolicy, reply } = consumer;
    try {
      const response = await handler();
      if (signalOf(response)) throw response as Error;
      return { decision: delivery.decision, response };
    } catch (first) {
      const outcome = ownFailurePolicy
        ? { error: first }
        : this.outcomeOf(first, message, handler, consumer);
      const last = outcome instanceof Promise ? await outcome : outcome;
      if ('value' in last) return { decision: delivery.decision, response: last.value };
      const { error } = last;
      // An ack decided before the failure gives way to it: what it stood for was rolled back.
      const decided = delivery.decision?.action === 'ack' ? undefined : delivery.decision;
      const explicit = decided ?? signalOf(error);
      if (!explicit && ownFailurePolicy) throw error;
      const isAnswered = reply && waits(message) && (await this.answered(message, error, reply));
      const decision = isAnswered ? (decided ?? ACK) : (explicit ?? decisionFor(error));
      reportFailure(this.parts.log, message, error, decision);
      return { decision, error };
    }
  }

  private outcomeOf(
    error: unknown,
    message: InboundMessage,
    handle: () => unknown,
    { queue }: Consumer,
  ): RepeatedOutcome | Promise<RepeatedOutcome> {
    if (Array.isArray(message.raw)) return { error };
    const { settlement } = this.parts;
    const run = async (): Promise<unknown> => {
      const response = await handle();
      if (signalOf(response)) throw response as Error;
      return response;
    };
    return repeatHere(error, { settlement, run, message, handler: message.deliveredTo, queue });
  }

  /** Whether the caller has his answer: another attempt would answer twice. */
  private async answered(
    message: InboundMessage,
    error: unknown,
    reply: NonNullable<Consumer['reply']>,
  ): Promise<boolean> {
    try {
      await reply(message.raw as AmqpDeliveryLike, rpcErrorOf(error, message));
      return true;
    } catch (failure) {
      this.parts.log.warn(
        `The caller of "${message.name}" could not be told that it failed: ${writeSafely(failure)}.`,
      );
      return false;
    }
  }

  private note(answer: BrokerAnswer, deliveries: readonly object[]): void {
    for (const delivery of deliveries) (delivery as Answered)[ANSWER] = answer;
  }

  private returnValueFor(answer: BrokerAnswer, expectsReply: boolean): unknown {
    switch (answer) {
      case 'reject':
        return this.parts.nack(false);
      case 'requeue':
        return this.parts.nack(true);
      case 'requeue-counted':
        // A `Nack` nacks, and that is not counted.
        throw ANSWERED;
      case 'ack':
        // Whatever is returned is sent to the caller as the reply: he would take a failure for success.
        if (expectsReply) throw ANSWERED;
        return undefined;
    }
  }

  /**
   * The error handler to give to golevelup. It never throws. Besides what the driver itself throws it gets what could not
   * be read, which is parked because it would fail on every attempt, and what the user's policy has to judge.
   *
   * @param unreadable what is to be settled of a delivery that no handler has seen
   */
  safeErrorHandler(
    { errorHandler, behavior }: GolevelupErrorPolicy,
    unreadable: (delivery: object, error: unknown) => Settling,
  ): GolevelupErrorHandler {
    return async (channel: never, delivery: never, error: unknown) => {
      const deliveries: object[] = [delivery].flat();
      try {
        if (error === ANSWERED) this.answerHere(channel, deliveries);
        else if (behavior) await behavior(channel, delivery, error);
        else if (deliveries.every((one) => (one as Answered)[ANSWER])) {
          this.parts.log.warn(
            `golevelup could not finish a delivery that was handled (${writeSafely(error)}): settling it here.`,
          );
          this.answerHere(channel, deliveries);
        } else if (errorHandler) await errorHandler(channel, delivery, error);
        else for (const one of deliveries) await this.park(channel, one, unreadable(one, error));
      } catch (failure) {
        this.parts.log.warn(
          `An error handler failed (${writeSafely(failure)}): the delivery is left to the broker.`,
        );
      }
    };
  }

  private async park(
    channel: AmqpChannelLike,
    delivery: object,
    settling: Settling,
  ): Promise<void> {
    reportFailure(this.parts.log, settling.message, settling.error, settling.decision);
    tellBroker(channel, delivery, await this.parts.settlement.answer(settling));
  }

  /**
   * What golevelup failed at was its own, where it was not told to: writing a reply or a log line of a result that cannot be
   * serialised. Left alone, the delivery would fill a prefetch slot for ever. Where the channel is gone this throws, and the
   * broker delivers again.
   */
  private answerHere(channel: AmqpChannelLike, deliveries: readonly object[]): void {
    for (const delivery of deliveries)
      tellBroker(channel, delivery, (delivery as Answered)[ANSWER] as BrokerAnswer);
  }
}
