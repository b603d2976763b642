import { HeaderNames } from '@acme/nest-message-context';
import { textIn } from '../core/hop-properties.js';
import type { ParkedLine } from '../core/parked-line.js';

type Headers = Readonly<Record<string, unknown>> | undefined;

/** Of which line, and where in it: a message that was redriven long after belongs to no line that has begun since. */
export const orderPlace = ({ since }: ParkedLine, place: number): string => `${since}-${place}`;

/** Its place in this line; undefined where it has none. */
export function placeIn(headers: Headers, line: ParkedLine): number | undefined {
  const [since, place] = textIn(headers, HeaderNames.orderPlace)?.split('-') ?? [];
  const number = Number(place);
  return since === String(line.since) && Number.isSafeInteger(number) && number > 0
    ? number
    : undefined;
}

/** Whether it was parked once because its key was stopped, or stopped it. */
export const wasInLine = (headers: Headers): boolean =>
  textIn(headers, HeaderNames.orderPlace) !== undefined;
