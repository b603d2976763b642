import {
  decisionFor,
  signalOf,
  type FailedHandling,
  type SettleDecision,
  type Settling,
} from '@acme/nest-message-context';
import { parseDuration, show } from '@acme/nest-message-context/kit';
import { textOf } from '../core/read-safely.js';
import type { QueuePolicy } from '../policy/queue-policy.js';

/** Why something was parked that would have been tried again. */
export const NOT_RETRIED = 'NOT_RETRIED';

/** How a policy judges errors. */
export interface Judge {
  readonly retryIf: QueuePolicy['retryIf'];
  /** Told when `retryIf` itself fails, or says what it cannot: then it is as usual. */
  readonly failed: (problem: unknown) => void;
}

export const judgeOf = (
  retryIf: QueuePolicy['retryIf'],
  log: { warn(text: string): void },
): Judge => ({
  retryIf,
  failed: (problem) =>
    log.warn(`retryIf has failed (${textOf(problem)}): the error is judged as if there were none.`),
});

/**
 * What becomes of a message whose handler has failed: what somebody has decided, else what `retryIf` says, else what is usual for its
 * error.
 *
 * @param usual what was decided, or is usual
 */
export const judged = <D extends SettleDecision>(
  usual: D,
  failure: Pick<Settling, 'error' | 'message'>,
  judge: Judge,
): D | Settling['decision'] =>
  isDecided(failure) ? usual : decisionBy(failure.error, judge, usual);

/** Whether a handler that has failed may have more luck at once. */
export function mayPass({ error, message }: FailedHandling, judge: Judge): boolean {
  if (isDecided({ error, message })) return false;
  const decision = decisionBy(error, judge, decisionFor(error));
  return decision.action === 'retry' && decision.afterMs === undefined;
}

const isDecided = ({ error, message }: Pick<Settling, 'error' | 'message'>): boolean =>
  error === undefined ||
  message.expectsReply ||
  signalOf(error) !== undefined ||
  // An ack gives way to the failure: what it stood for was rolled back.
  (message.delivery.decision !== undefined && message.delivery.decision.action !== 'ack');

function decisionBy<D extends SettleDecision>(
  error: unknown,
  { retryIf, failed }: Judge,
  usual: D,
): D | Settling['decision'] {
  if (!retryIf) return usual;
  try {
    const said: unknown = retryIf(error);
    if (said === undefined) return usual;
    if (said === true) return { action: 'retry', afterMs: undefined, countAttempt: true };
    if (said === false)
      return usual.action === 'park'
        ? usual
        : { action: 'park', code: NOT_RETRIED, reason: textOf(error) };
    const afterMs = parseDuration(said);
    if (afterMs !== undefined) return { action: 'retry', afterMs, countAttempt: true };
    failed(`it said ${show(said)}, which is neither true, false, undefined nor a duration`);
  } catch (problem) {
    failed(problem);
  }
  return usual;
}
