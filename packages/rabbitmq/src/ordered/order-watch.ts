import { HeaderNames } from '@acme/nest-message-context';
import { OptionsCheck, show } from '@acme/nest-message-context/kit';
import { LONGEST_HOLD_MS } from '../core/hold.js';
import type { OrderKeySource, RmqOrderedOptions, SequenceOptions } from './ordered.options.js';

/** What of the order of a handler's messages outlives a process. */
export interface OrderWatch {
  readonly key: OrderKeySource;
  /** Whether a message that is parked stops its key. */
  readonly stops: boolean;
  readonly sequence: SequenceWatch | undefined;
}

interface SequenceWatch {
  readonly header: string;
  readonly holds: boolean;
  readonly holdMaxMs: number;
  readonly startsAt: number | undefined;
}

const KNOWN = ['header', 'onGap', 'holdMax', 'startsAt'];
const GAPS: readonly unknown[] = ['warn', 'hold'] satisfies SequenceOptions['onGap'][];

/** Undefined where nothing is to be known beyond the process. What is wrong is added to the problems. */
export function orderWatchOf(
  { key, onFailure, sequence }: RmqOrderedOptions,
  problems: string[],
): OrderWatch | undefined {
  const stops = onFailure === 'park-key';
  if (stops && typeof key === 'function')
    problems.push(
      "key: a function reads what pipes make of a message, so what fails in a guard or a pipe would not stop its key. With onFailure: 'park-key' give 'routingKey', { header: 'x-…' } or { payload: 'path.in.it' }.",
    );
  if (!stops && sequence === undefined) return undefined;
  return { key, stops, sequence: sequenceOf(sequence, problems) };
}

function sequenceOf(
  given: SequenceOptions | undefined,
  problems: string[],
): SequenceWatch | undefined {
  if (given === undefined) return undefined;
  const check = new OptionsCheck();
  const options = check.object<SequenceOptions>('sequence', given, KNOWN);
  const { header = HeaderNames.sequence, onGap = 'warn', startsAt } = options;
  if (typeof header !== 'string' || header === '')
    check.problems.push(
      `sequence.header: ${show(header)} is no name. Give that of a header: 'x-…'.`,
    );
  if (!GAPS.includes(onGap))
    check.problems.push(`sequence.onGap: ${show(onGap)} is unknown. Give 'warn' or 'hold'.`);
  const holdMaxMs = check.duration('sequence.holdMax', options.holdMax, '30s');
  if (holdMaxMs > LONGEST_HOLD_MS)
    check.problems.push(
      `sequence.holdMax: ${show(options.holdMax)} is too long: a broker takes back what it waits for for half an hour. Give '10m' at most.`,
    );
  if (options.holdMax !== undefined && onGap !== 'hold')
    check.problems.push("sequence.holdMax: nothing is held. Say onGap: 'hold', or take it off.");
  if (startsAt !== undefined && !Number.isSafeInteger(startsAt))
    check.problems.push(
      `sequence.startsAt: ${show(startsAt)} is not a whole number. The outbox begins with 1.`,
    );
  problems.push(...check.problems);
  return { header, holds: onGap === 'hold', holdMaxMs, startsAt };
}
