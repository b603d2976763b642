import { counted, mapTexts, short } from '@acme/nest-message-context/cli';
import type { ParkedMessage } from '../core/parked-message.js';
import type { Look, RunEnd } from '../dead-letters/dead-letters.types.js';

type Hide = (text: string) => string;

/** Of messages, as the head of a table. */
export const HEAD = ['', 'id', 'type', 'from', 'failed at', 'tries', 'redrives', 'code', 'error'];

export function rowOf(message: ParkedMessage, hide: Hide): string[] {
  const { position, messageId, type, origin, lastFailedAt, attempt, redriveCount, code } = message;
  const error = [message.errorName, message.errorMessage].filter(Boolean).join(': ');
  return [
    String(position),
    ...[messageId, type, origin?.queue].map((text) => short(text ?? '-', 60)),
    timeText(lastFailedAt) ?? '-',
    attempt === undefined ? '-' : String(attempt),
    String(redriveCount),
    short(code, 60),
    short(hide(error), 100),
  ];
}

/** As JSON has it: times for people, and without secrets in texts of errors. */
export function jsonOf(message: ParkedMessage, hide: Hide): Record<string, unknown> {
  const { origin, firstFailedAt, lastFailedAt, ...rest } = message;
  return nulled({
    ...(mapTexts(rest, hide) as object),
    origin: origin && nulled(origin),
    firstFailedAt: timeText(firstFailedAt),
    lastFailedAt: timeText(lastFailedAt),
  });
}

/** What every look says of its queue, in lines. */
export function lookText({ queue, ready, looked, left, consumers }: Look): string[] {
  const text = [`${queue} has ${counted(ready, 'message')}.`];
  if (left > 0) text.push(`Looked at ${looked}, ${left} behind them were not: see --scan.`);
  if (consumers > 0)
    text.push(
      `${counted(consumers, 'consumer')} reads this queue: messages come and go while one looks.`,
    );
  return text;
}

/** Why a run did not see everything. */
export const endText = (end: RunEnd, ready: number, looked: number): string[] =>
  end === 'done' || looked >= ready
    ? []
    : [
        `${ready - looked} of ${ready} were not looked at: ${
          { limit: '--limit was reached', scan: '--scan was reached', stopped: 'it was stopped' }[
            end
          ]
        }.`,
      ];

export const timeText = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString();

/** JSON leaves out what is undefined, and then nobody knows whether it exists. */
export const nulled = (table: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(table).map(([name, value]: [string, unknown]) => [name, value ?? null]),
  );
