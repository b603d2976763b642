import { Requeue, type Arrival, type InboundMessage } from '@acme/nest-message-context';
import type { Pauses } from '@acme/nest-message-context/kit';
import { LONGEST_HOLD_MS } from '../core/hold.js';
import type { Place, Turn } from '../core/key-lanes.js';
import type { DeliveryHistory } from '../core/settle-plan.js';

/** What a message has been through that is tried again in its lane. */
export interface Past extends DeliveryHistory {
  /** When the next attempt may begin, in Unix milliseconds. */
  readonly dueAt?: number;
}

/** A message in its lane. */
export interface Held {
  readonly message: InboundMessage;
  readonly arrival: Arrival;
  readonly key: string;
  /** Over where nothing of its client is waited for any more. */
  readonly pauses: Pauses;
  /** Whether it goes back to its queue, from which it comes again to the place it had. */
  goesBack: boolean;
  /** Undefined until somebody has looked. */
  past: Past | undefined;
  /** Tried again no later than this, by `performance.now()`; undefined until its turn has come. */
  until: number | undefined;
}

export const heldOf = (
  message: InboundMessage,
  arrival: Arrival,
  key: string,
  pauses: Pauses,
): Held => ({ message, arrival, key, pauses, goesBack: false, past: undefined, until: undefined });

/** Not for longer than a broker leaves a delivery unsettled: what waits then goes back, and comes again to its place. */
export async function turnOf({ turn }: Place, held: Held): Promise<Turn> {
  if (typeof turn === 'string') return turn;
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<Turn>((over) => {
    timer = setTimeout(() => {
      held.goesBack = true;
      over('give-back');
    }, LONGEST_HOLD_MS).unref();
  });
  try {
    return await Promise.race([turn, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

/** What goes back comes again at once, unless it was dropped or another consumer has it now. */
const RETURN_MS = 5_000;

/** Whether its place is to be kept until it comes again. Lost with its connection it comes in any case, behind what still runs. */
export const comesAgain = ({ goesBack, arrival }: Held): boolean => goesBack && !arrival.isLost;

/** The next one may go, or waits for it a while where it comes again. */
export function leave(place: Place, held: Held): void {
  if (!comesAgain(held)) return place.leave();
  place.keep();
  setTimeout(() => place.leave(), RETURN_MS).unref();
}

export const notBegun = (key: string): Error =>
  new Requeue({
    message: `REQUEUE: given back before it was its turn among those of its key (${key})`,
  });
