import type { MessageContext } from '../../context/message-context.js';
import { decisionFor } from '../../delivery/decide.js';
import type { SettleDecision } from '../../delivery/decision.js';
import type { AmqpChannelLike } from '../amqp/guarded-channel.js';
import { signalOf } from '../../delivery/outcome-signals.js';
import { reportFailure, type FailureLog } from '../../delivery/report-failure.js';
import { refuse, type LocalHold } from '../../delivery/settle-driver.js';
import { writeSafely } from '../../read-safely.js';

/** `(channel, delivery or deliveries, error)`, as golevelup calls it. */
export type GolevelupErrorHandler = (channel: never, delivery: never, error: unknown) => unknown;

interface DriverParts {
  /** Makes golevelup's own `Nack`: it recognises only its own class. */
  readonly nack: (requeue: boolean) => unknown;
  readonly hold: LocalHold;
  readonly log: FailureLog;
}

interface Policy {
  /** The handler came with golevelup's `errorHandler` or `errorBehavior`: errors that are no decision are left to it. */
  readonly ownFailurePolicy: boolean;
}

/** Settles golevelup's deliveries by outcome: golevelup itself acks what returns and nacks on a `Nack`. */
export class GolevelupDriver {
  /** Deliveries that golevelup was told how to settle: an error that follows is about settling, not about handling. */
  readonly #settled = new WeakMap<object, SettleDecision>();

  constructor(private readonly parts: DriverParts) {}

  /**
   * Runs the handler and gives golevelup the return value that carries out the decision. Throws only what the handler's own
   * failure policy has to judge.
   */
  async settle(
    context: MessageContext,
    handler: () => Promise<unknown>,
    { ownFailurePolicy }: Policy,
  ): Promise<unknown> {
    const { raw, attempt } = context.message;
    const outcome = await this.run(context, handler, ownFailurePolicy);
    [raw]
      .flat()
      .forEach((one) => this.#settled.set(one as object, outcome.decision ?? { action: 'ack' }));
    return outcome.decision ? this.responseFor(outcome.decision, attempt) : outcome.response;
  }

  private async run(
    context: MessageContext,
    handler: () => Promise<unknown>,
    ownFailurePolicy: boolean,
  ): Promise<{ decision?: SettleDecision | undefined; response?: unknown }> {
    const { delivery } = context.message;
    try {
      const response = await handler();
      if (signalOf(response)) throw response as Error;
      return { decision: delivery.decision, response };
    } catch (error) {
      // An ack decided before the failure gives way to it: what it stood for was rolled back.
      const decided = delivery.decision?.action === 'ack' ? undefined : delivery.decision;
      const explicit = decided ?? signalOf(error);
      if (!explicit && ownFailurePolicy) throw error;
      const decision = explicit ?? decisionFor(error);
      reportFailure(this.parts.log, context.message, error, decision);
      return { decision };
    }
  }

  /**
   * The error handler to give to golevelup. It never throws, and leaves alone a delivery that was handled and could merely
   * not be settled. Without one of the user's own it gets only what could not be read, which would fail on every attempt.
   */
  safeErrorHandler(own?: GolevelupErrorHandler): GolevelupErrorHandler {
    return async (channel: never, delivery: never, error: unknown) => {
      const deliveries: object[] = [delivery].flat();
      try {
        if (deliveries.every((one) => this.#settled.has(one))) {
          this.parts.log.warn(
            `golevelup could not finish a delivery that was handled (${writeSafely(error)}): settling it here.`,
          );
          this.settleHere(channel, deliveries);
        } else if (own) await own(channel, delivery, error);
        else deliveries.forEach((one) => (channel as AmqpChannelLike).reject(one, false));
      } catch (failure) {
        this.parts.log.warn(
          `An error handler failed (${writeSafely(failure)}): the delivery is left to the broker.`,
        );
      }
    };
  }

  /**
   * What golevelup failed at was its own: writing a reply or a log line of a result that cannot be serialised. Left alone, the
   * delivery would fill a prefetch slot for ever. Where the channel is gone this throws, and the broker delivers again.
   */
  private settleHere(channel: AmqpChannelLike, deliveries: readonly object[]): void {
    for (const delivery of deliveries) {
      const { action } = this.#settled.get(delivery)!;
      if (action === 'ack') channel.ack(delivery);
      else channel.reject(delivery, action === 'requeue' || action === 'retry');
    }
  }

  private responseFor(decision: SettleDecision, attempt: number): Promise<unknown> {
    if (decision.action === 'ack') return Promise.resolve(undefined);
    return new Promise((done) => {
      refuse(
        decision,
        { reject: () => done(this.parts.nack(false)), requeue: () => done(this.parts.nack(true)) },
        { hold: this.parts.hold, attempt },
      );
    });
  }
}
