import {
  decisionFor,
  signalOf,
  type Delivery,
  type InboundMessage,
  type SettleDecision,
} from '@acme/nest-message-context';
import type { AttemptFate, Conclusion } from '../core/attempt.js';

/**
 * Whether a call that returned has failed all the same: the handler refused its delivery by hand, or returned golevelup's
 * `Nack`. Recorded as a success, the message that comes again would be taken for a duplicate, and lost.
 */
export function isRefusal(result: unknown, delivery: Delivery | undefined): boolean {
  const decided = delivery?.decision;
  return (decided !== undefined && decided.action !== 'ack') || isNack(result);
}

/** What becomes of such a call. */
export function undone(value: unknown, delivery: Delivery | undefined): Conclusion {
  const decided = delivery?.decision;
  if (decided) return { value, verdict: 'undo', fate: fateOf(decided) };
  const isFinal = (value as { requeue: unknown }).requeue === false;
  return { value, verdict: 'undo', fate: isFinal ? 'forgotten' : 'counted' };
}

/** What an error of the handler means for the count of attempts. */
export function fateAfter(error: unknown, message: InboundMessage | undefined): AttemptFate {
  if (!message) return 'counted';
  const { transport, delivery } = message;
  // There, the handler of errors that an application has may decide otherwise, so only what says so itself is sure.
  const assumed = transport === 'golevelup' ? undefined : decisionFor(error, 0);
  const decided = delivery.decision ?? signalOf(error) ?? assumed;
  return decided ? fateOf(decided) : 'counted';
}

function fateOf(decided: SettleDecision): AttemptFate {
  if (decided.action === 'park' || decided.action === 'reject') return 'forgotten';
  return decided.action === 'retry' && !decided.countAttempt ? 'uncounted' : 'counted';
}

/** By shape: golevelup is not imported here, and minifiers rename classes. */
function isNack(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('requeue' in value)) return false;
  return (
    (value.constructor as { name?: unknown } | undefined)?.name === 'Nack' ||
    typeof (value as { _requeue?: unknown })._requeue === 'boolean'
  );
}

/** Whether a result can be read only once: a Node or web stream, an async iterable, Nest's `StreamableFile`. */
export function isStream(result: unknown): boolean {
  if (typeof result !== 'object' || result === null) return false;
  const like = result as Partial<Record<'pipe' | 'getReader' | 'getStream', unknown>>;
  return (
    [like.pipe, like.getReader, like.getStream].some((method) => typeof method === 'function') ||
    Symbol.asyncIterator in result
  );
}
