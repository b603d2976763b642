import { writeSafely } from '../read-safely.js';
import { LocalSettlement } from './local-settlement.js';
import type { FailureLog } from './report-failure.js';
import { Settlement, type BrokerAnswer, type FailedHandling, type Settling } from './settlement.js';

/**
 * A settlement of somebody else's, as the drivers need it: it never fails, and always gives an answer that is one. Where it did
 * not, the message is held like one that is retried: given back at once, it would come again at once.
 */
export class GuardedSettlement extends Settlement {
  readonly #local = new LocalSettlement();

  constructor(
    private readonly settlement: Settlement,
    private readonly log: FailureLog,
  ) {
    super();
  }

  get keepsParked(): boolean {
    return this.settlement.keepsParked;
  }

  answer(settling: Settling): BrokerAnswer | Promise<BrokerAnswer> {
    try {
      const answer = this.settlement.answer(settling);
      if (typeof answer === 'string') return known(answer);
      return Promise.resolve(answer)
        .then(known)
        .catch((error: unknown) => this.#failed(error, settling));
    } catch (error) {
      return this.#failed(error, settling);
    }
  }

  override repeats(failure: FailedHandling, failed: number): false | Promise<boolean> {
    try {
      const repeats = this.settlement.repeats(failure, failed);
      return repeats === false ? repeats : repeats.catch((error: unknown) => this.#unsaid(error));
    } catch (error) {
      return this.#unsaid(error);
    }
  }

  #unsaid(error: unknown): false {
    this.log.error(
      `The settlement could not say whether a handler is called again: ${writeSafely(error)}. It is not.`,
      stackOf(error),
    );
    return false;
  }

  release(): void {
    this.#local.release();
    try {
      this.settlement.release();
    } catch (error) {
      this.log.error(
        `The settlement could not release what it holds: ${writeSafely(error)}`,
        stackOf(error),
      );
    }
  }

  #failed(error: unknown, settling: Settling): BrokerAnswer | Promise<BrokerAnswer> {
    const { decision, message } = settling;
    this.log.error(
      `Could not ${decision.action} "${message.name}" ${message.messageId ?? '(no message id)'}: ${writeSafely(error)}. ` +
        'It is held here for a while and then given back to the queue.',
      stackOf(error),
    );
    // The message is not to blame: where the broker can tell (4.3 on), this brings it no nearer to its delivery limit.
    return this.#local.answer({ message, decision: { action: 'retry', countAttempt: false } });
  }
}

const ANSWERS: readonly unknown[] = [
  'ack',
  'reject',
  'requeue',
  'requeue-counted',
] satisfies BrokerAnswer[];

/** In JavaScript, a settlement that forgets to return anything would otherwise have said "ack" to golevelup. */
function known(answer: BrokerAnswer): BrokerAnswer {
  if (ANSWERS.includes(answer)) return answer;
  throw new TypeError(`the settlement answered ${writeSafely(answer)}, which is no answer`);
}

const stackOf = (error: unknown): string | undefined =>
  error instanceof Error ? error.stack : undefined;
