import type { OrderedKey } from '@acme/nest-message-context';
import type { SequenceFinding, Span } from '../core/key-sequence.js';
import type { ParkedLine } from '../core/parked-line.js';

/** The code of messages that are parked behind another one of their key. */
export const ORDER_KEY_STOPPED = 'ORDER_KEY_STOPPED';

interface Found {
  readonly key: OrderedKey;
  readonly number: number;
  readonly messageId: string | undefined;
  /** For what is missing, in words; undefined where nothing waits. */
  readonly waited: string | undefined;
}

/** What the log says of the order of a key, and what stands in the record of what is parked. */
export const orderTexts = {
  stopped: ({ queue, key }: OrderedKey, messageId = '(no message id)'): string =>
    `The key "${key}" of "${queue}" is stopped: its message ${messageId} was parked. What comes of it is parked behind it. ` +
    'Mend the cause, then redrive what is parked of this queue: it is handled in its order, and then the key goes on.',

  resumed: ({ queue, key }: OrderedKey): string =>
    `The key "${key}" of "${queue}" goes on: all that was parked of it was handled.`,

  waits: ({ queue, key }: OrderedKey, line: ParkedLine, place: number | undefined): string => {
    const since = `since ${line.firstId ?? 'a message'} was parked at ${new Date(line.since).toISOString()}`;
    if (place === undefined)
      return `${ORDER_KEY_STOPPED}: the key "${key}" of "${queue}" is stopped ${since}, so nothing of it is handled. Mend the cause, then redrive what is parked of this queue.`;
    return (
      `${ORDER_KEY_STOPPED}: the key "${key}" of "${queue}" is stopped ${since}, and of those that are parked this is number ${place}, while ${line.done} were handled. ` +
      `Redrive number ${line.done + 1} before it, or, where that is gone, let the key go on with OrderedKeys.release().`
    );
  },

  unkept: ({ queue, key }: OrderedKey): string =>
    `REQUEUE: given back, because it could not be kept that the key "${key}" of "${queue}" is one message further`,

  found: (found: SequenceFinding, { key: { key, queue }, number, messageId, waited }: Found) => {
    const message = `Number ${number} of the key "${key}" of "${queue}" (${messageId ?? 'no message id'})`;
    switch (found.finding) {
      case 'gap': {
        const after = waited === undefined ? '' : ` after ${waited} of waiting`;
        return `${message} is handled${after} although ${missing(found.missing)}. See whether they were lost, or go to another queue: it has to get all messages of a key.`;
      }
      case 'late':
        return `${message} comes late: later ones of its key were handled before it.`;
      default:
        return `${message} has been handled before. It is handled again, unless @Idempotent() knows it; if it is another message, its sender counts anew.`;
    }
  },
};

const missing = ([from, to]: Span): string =>
  from === to ? `number ${from} has not come` : `the numbers ${from} to ${to} have not come`;
