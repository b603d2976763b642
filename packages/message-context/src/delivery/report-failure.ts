import type { InboundMessage } from '../context/inbound-message.js';
import { readSafely, textOf, writeSafely } from '../read-safely.js';
import type { SettleDecision } from './decision.js';
import { signalOf } from './outcome-signals.js';

/** @internal The part of Nest's logger that is used here. */
export interface FailureLog {
  debug(text: string): void;
  warn(text: string): void;
  error(text: string, stack?: string): void;
}

/**
 * One line for a message that failed: what it was, why, and what becomes of it. A signal is an expected outcome, anything
 * else is an error with its stack, unless somebody (`alreadyLogged`) has written that down. What is put off through no fault
 * of its own (a duplicate whose first copy still runs) has not failed.
 */
export function reportFailure(
  log: FailureLog,
  message: InboundMessage,
  error: unknown,
  decision: SettleDecision,
  { alreadyLogged = false } = {},
): void {
  const what = `"${message.name}" ${message.messageId ?? '(no message id)'}, attempt ${message.attempt}`;
  const then = decision.action === 'park' ? `parked, ${decision.code}` : decision.action;
  if (signalOf(error) && decision.action === 'retry' && !decision.countAttempt)
    return log.debug(`${what} was put off: ${withCauses(error)}`);
  const text = `Handling ${what} failed: ${withCauses(error)} (${then})`;
  if (signalOf(error) || alreadyLogged) log.warn(text);
  else log.error(text, error instanceof Error ? error.stack : undefined);
}

/** Deeper ones have nothing to say that the first would not. */
const CAUSES = 3;

/** Whoever wraps an error puts what happened into its cause. */
function withCauses(error: unknown): string {
  let text = writeSafely(error);
  let cause = readSafely(error, 'cause');
  for (let depth = 0; depth < CAUSES && cause !== undefined; depth += 1) {
    const said = textOf(cause);
    if (!text.includes(said)) text += `, caused by: ${said}`;
    cause = readSafely(cause, 'cause');
  }
  return text;
}
