import { Buffer } from 'node:buffer';
import { countOf, EXIT, mapTexts, short } from '@acme/nest-message-context/cli';
import { table } from '@acme/nest-message-context/kit';
import { OutboxAdmin } from '../../admin/outbox-admin.js';
import type { ParkedMessage } from '../../contracts/messages.js';
import type { Command } from '../command.js';
import { PARKED_HELP, PARKED_OPTIONS, parkedFilter } from '../parked-filter.js';

const SHOWN = 100;
const MOST = 100_000;

export const parked: Command = {
  summary: 'Lists messages that were given up, the oldest first',
  details: `${PARKED_HELP}
With --json there is everything that a message has: payload, headers, and what has become of each
attempt.`,
  options: ['url', 'config', 'schema', ...PARKED_OPTIONS, 'limit'],

  async run({ values, ready, hide }) {
    const limit = countOf('limit', values.limit, MOST) ?? SHOWN;
    const { store } = await ready();
    const found = await new OutboxAdmin(store.operations).parked(parkedFilter(values), limit + 1);
    const shown = found.slice(0, limit);
    const more = found.length > limit;
    return {
      exit: EXIT.done,
      json: { parked: shown.map((message) => jsonOf(message, hide)), more },
      text:
        shown.length === 0
          ? 'There is no such parked message.'
          : [
              table([HEAD, ...shown.map((message) => rowOf(message, hide))]),
              ...(more ? [`There are more than these ${limit}: give a larger --limit.`] : []),
            ].join('\n'),
    };
  },
};

const HEAD = ['id', 'type', 'key', 'parked at', 'attempts', 'reason', 'error'];

function rowOf(
  { messageId, type, key, parkedAt, attempts, reason, error }: ParkedMessage,
  hide: (text: string) => string,
): string[] {
  return [
    ...[messageId, type, key ?? '-'].map((text) => short(text, 60)),
    timeText(parkedAt),
    String(attempts),
    reason,
    short(hide(error), 100),
  ];
}

function jsonOf(message: ParkedMessage, hide: (text: string) => string): object {
  const { payload, headers, occurredAt, parkedAt, error, history, ...rest } = message;
  const isText = typeof payload === 'string';
  return {
    ...rest,
    headers: headers === null ? null : (JSON.parse(headers) as unknown),
    occurredAt: timeText(occurredAt),
    parkedAt: timeText(parkedAt),
    error: hide(error),
    history: mapTexts(history, hide),
    payload: isText ? payload : null,
    payloadBase64: isText ? null : Buffer.from(payload).toString('base64'),
  };
}

const timeText = (ms: number): string => new Date(ms).toISOString();
