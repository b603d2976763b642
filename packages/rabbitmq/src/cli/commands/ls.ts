import { EXIT } from '@acme/nest-message-context/cli';
import { table } from '@acme/nest-message-context/kit';
import type { Command } from '../command.js';
import { bounds, messageFilter } from '../message-filter.js';
import { BROKER_OPTIONS, FILTER_HELP, FILTER_OPTIONS } from '../options.js';
import { HEAD, jsonOf, lookText, rowOf } from '../shown.js';

export const ls: Command = {
  summary: 'Lists the messages of a dead-letter queue, the oldest first',
  details: `${FILTER_HELP}
It shows 100 and looks at 10,000 unless --limit and --scan say otherwise. All messages are held until
the end and given back; a quorum queue counts that as a delivery of each.`,
  operands: ['QUEUE'],
  options: [...BROKER_OPTIONS, ...FILTER_OPTIONS, 'limit', 'scan'],

  async run({ values, operands: [queue = ''], open, doing, hide }) {
    const options = { filter: messageFilter(values), ...bounds(values) };
    const { deadLetters } = await open();
    doing(`looking at ${queue}`);
    const { messages, more, ...look } = await deadLetters.list(queue, options);
    const shown = messages.map((message) => rowOf(message, hide));
    return {
      exit: EXIT.done,
      json: { ...look, messages: messages.map((message) => jsonOf(message, hide)), more },
      text: [
        ...(shown.length > 0 ? [table([HEAD, ...shown])] : []),
        ...(more > 0 ? [`${more} further ones match: see --limit.`] : []),
        ...lookText(look),
      ].join('\n'),
    };
  },
};
