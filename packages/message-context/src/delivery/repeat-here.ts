import type { InboundMessage } from '../context/inbound-message.js';
import { isOrdered } from '../doors/ordered-patterns.js';
import { signalOf } from './outcome-signals.js';
import type { FailedHandling, Settlement } from './settlement.js';

/** Nest's filters make words for the sender of an error. A signal is no such words: a filter that throws one has decided. */
export const causeOf = (error: unknown, { thrown }: InboundMessage): unknown =>
  thrown && !signalOf(error) ? thrown.error : error;

interface Handling extends Omit<FailedHandling, 'error'> {
  readonly settlement: Pick<Settlement, 'repeats'>;
  /** Calls the handler once more. */
  readonly run: () => Promise<unknown>;
}

/**
 * What a handler has failed with in the end, after it was called again as often as the settlement would have it; undefined where it has
 * succeeded then. What somebody has decided is no failure that may pass, and whoever waits for a reply has got it.
 */
export async function repeatHere(
  first: unknown,
  { settlement, run, ...handling }: Handling,
): Promise<{ readonly error: unknown } | undefined> {
  const { message } = handling;
  let error = first;
  for (let failed = 1; isOpen(handling, error); failed += 1) {
    const repeats = settlement.repeats({ ...handling, error: causeOf(error, message) }, failed);
    if (repeats === false || !(await repeats)) break;
    message.thrown = undefined;
    message.repeatAs(message.attempt);
    try {
      await run();
      return undefined;
    } catch (failure) {
      error = failure;
    }
  }
  return { error };
}

const isOpen = (
  { message, handler }: Pick<FailedHandling, 'message' | 'handler'>,
  error: unknown,
): boolean =>
  !message.expectsReply &&
  !message.delivery.decision &&
  !signalOf(error) &&
  // It has lost its place, and is repeated where places are kept.
  !(handler && isOrdered(handler.method));
