import {
  decisionFor,
  signalOf,
  type InboundMessage,
  type MessageContext,
  type SettleDecision,
} from '@acme/nest-message-context';
import type { AttemptFate, Conclusion } from '../core/attempt.js';

/**
 * What becomes of a call that returned and has failed all the same: the handler refused its delivery by hand, or returned
 * golevelup's `Nack`. Recorded as a success, the message that comes again would be taken for a duplicate, and lost.
 */
export function refusalOf(
  value: unknown,
  context: MessageContext | undefined,
): Conclusion | undefined {
  const decided = context && decisionIn(context);
  if (decided && decided.action !== 'ack') return { value, verdict: 'undo', fate: fateOf(decided) };
  if (!isNack(value)) return undefined;
  return { value, verdict: 'undo', fate: value.requeue === false ? 'forgotten' : 'counted' };
}

/** Not what another handler of the same event has decided: that one has failed, and will be run again. */
function decisionIn(context: MessageContext): SettleDecision | undefined {
  const { decision, decidedIn } = context.message.delivery;
  return decidedIn === undefined || decidedIn === context ? decision : undefined;
}

/** What an error of the handler means for the count of attempts. */
export function fateAfter(error: unknown, message: InboundMessage | undefined): AttemptFate {
  if (!message) return 'counted';
  const { transport, delivery } = message;
  // There, the handler of errors that an application has may decide otherwise, so only what says so itself is sure.
  const assumed = transport === 'golevelup' ? undefined : decisionFor(error);
  const decided = delivery.decision ?? signalOf(error) ?? assumed;
  return decided ? fateOf(decided) : 'counted';
}

function fateOf(decided: SettleDecision): AttemptFate {
  if (decided.action === 'park' || decided.action === 'reject') return 'forgotten';
  return decided.action === 'retry' && !decided.countAttempt ? 'uncounted' : 'counted';
}

/** By shape: golevelup is not imported here, and minifiers rename classes. */
function isNack(value: unknown): value is { readonly requeue: unknown } {
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
