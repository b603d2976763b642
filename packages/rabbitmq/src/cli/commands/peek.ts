import { EXIT, lines } from '@acme/nest-message-context/cli';
import { encodedTable } from '../../core/exported-message.js';
import type { ParkedMessageInFull } from '../../dead-letters/dead-letters.types.js';
import type { Command } from '../command.js';
import { bounds, messageFilter } from '../message-filter.js';
import { BROKER_OPTIONS, FILTER_HELP, FILTER_OPTIONS } from '../options.js';
import { jsonOf, lookText, timeText } from '../shown.js';

export const peek: Command = {
  summary: 'Shows the oldest message with everything that it has, or several',
  details: `${FILTER_HELP}
It shows one unless --limit says otherwise, and looks no further than it has to. A body that is no
text is shown as base64. Nothing of a message is hidden: it may hold what others must not read.`,
  operands: ['QUEUE'],
  options: [...BROKER_OPTIONS, ...FILTER_OPTIONS, 'limit', 'scan'],

  async run({ values, operands: [queue = ''], open, doing, hide }) {
    const options = { filter: messageFilter(values), ...bounds(values) };
    const { deadLetters } = await open();
    doing(`looking at ${queue}`);
    const { messages, more, ...look } = await deadLetters.peek(queue, options);
    return {
      exit: messages.length > 0 ? EXIT.done : EXIT.nothing,
      json: {
        ...look,
        messages: messages.map((message) => ({
          ...jsonOf(message, hide),
          properties: encodedTable(message.properties),
          body: message.body,
        })),
        more,
      },
      text:
        messages.length > 0
          ? messages.map(textOf).join('\n\n')
          : ['There is no such message.', ...lookText(look)].join('\n'),
    };
  },
};

function textOf(message: ParkedMessageInFull): string {
  const { position, origin, body, bodyEncoding, size, exchange, routingKey } = message;
  const { headers, ...properties } = encodedTable(message.properties);
  const shown = (table: object) =>
    Object.entries(table).map(([name, value]: [string, unknown]) => [
      name,
      typeof value === 'string' ? value.replaceAll('\n', '\n    ') : JSON.stringify(value),
    ]);
  const section = (title: string, table: object): string[] =>
    Object.keys(table).length === 0
      ? []
      : [`${title}:`, lines(Object.fromEntries(shown(table)) as Record<string, string>)];
  return [
    lines({
      position,
      'failed in': origin?.queue ?? 'unknown: it goes back only with --to',
      'failed at': timeText(message.lastFailedAt),
      fingerprint: message.fingerprint,
      'came by': `exchange ${JSON.stringify(exchange)}, routing key ${JSON.stringify(routingKey)}`,
    }),
    ...section('properties', properties),
    ...section('headers', (headers ?? {}) as object),
    `body, ${size} bytes${bodyEncoding === 'base64' ? ', base64' : ''}:`,
    body,
  ].join('\n');
}
