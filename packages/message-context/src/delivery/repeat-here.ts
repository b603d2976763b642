import type { InboundMessage } from '../context/inbound-message.js';
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
export function repeatHere(
  first: unknown,
  handling: Handling,
): RepeatedOutcome | Promise<RepeatedOutcome> {
  const repeats = mayRepeat(handling, first, 1);
  // Nearly always: a promise would cost every message that fails.
  return repeats ? repeated(first, handling, repeats) : { error: first };
}

async function repeated(
  first: unknown,
  handling: Handling,
  firstRepeats: Promise<boolean>,
): Promise<RepeatedOutcome> {
  let error = first;
  let repeats: Promise<boolean> | false = firstRepeats;
  for (let failed = 2; repeats && (await repeats); failed += 1) {
    handling.message.again();
    try {
      return { value: await handling.run() };
    } catch (failure) {
      error = failure;
    }
    repeats = mayRepeat(handling, error, failed);
  }
  return { error };
}

function mayRepeat(handling: Handling, error: unknown, failed: number): Promise<boolean> | false {
  const { settlement, message, handler, queue } = handling;
  if (!isOpen(message, error)) return false;
  return settlement.repeats({ message, handler, queue, error: causeOf(error, message) }, failed);
}

const isOpen = ({ expectsReply, delivery }: InboundMessage, error: unknown): boolean =>
  !expectsReply &&
  (delivery.decision?.action ?? 'ack') === 'ack' &&
  COMES_AGAIN.has(signalOf(error)?.action ?? 'retry');

const COMES_AGAIN: ReadonlySet<string> = new Set(['retry', 'requeue']);
