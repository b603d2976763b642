import type { InboundMessage } from '../context/inbound-message.js';
import { isOrdered } from '../doors/ordered-patterns.js';
import { signalOf } from './outcome-signals.js';
import type { FailedHandling, Settlement } from './settlement.js';

/** Nest's filters make words for the sender of an error. A signal is no such words: a filter that throws one has decided. */
export const causeOf = (error: unknown, { thrown }: InboundMessage): unknown =>
  thrown && !signalOf(error) ? thrown.error : error;

/** What it has returned, or what it has failed with in the end. */
export type RepeatedOutcome = { readonly value: unknown } | { readonly error: unknown };

interface Handling extends Omit<FailedHandling, 'error'> {
  readonly settlement: Pick<Settlement, 'repeats'>;
  /** Calls the handler once more. */
  readonly run: () => Promise<unknown>;
}

/**
 * How a handler has ended that failed, after it was called again as often as the settlement would have it. What somebody has decided is
 * no failure that may pass, and whoever waits for a reply has got it.
 */
export async function repeatHere(
  first: unknown,
  { settlement, run, ...handling }: Handling,
): Promise<RepeatedOutcome> {
  const { message } = handling;
  let error = first;
  for (let failed = 1; isOpen(handling, error); failed += 1) {
    const repeats = settlement.repeats({ ...handling, error: causeOf(error, message) }, failed);
    if (repeats === false || !(await repeats)) break;
    message.again();
    try {
      return { value: await run() };
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
  (message.delivery.decision?.action ?? 'ack') === 'ack' &&
  !signalOf(error) &&
  // It has lost its place, and is repeated where places are kept.
  !(handler && isOrdered(handler.method));
