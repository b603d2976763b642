import { EXIT, short } from '@acme/nest-message-context/cli';
import { table } from '@acme/nest-message-context/kit';
import type { DeadLetterGroup } from '../../core/dead-letter-groups.js';
import type { Command } from '../command.js';
import { bounds, messageFilter } from '../message-filter.js';
import { BROKER_OPTIONS, FILTER_HELP, FILTER_OPTIONS } from '../options.js';
import { jsonOf, lookText, nulled, timeText } from '../shown.js';

export const groups: Command = {
  summary: 'Says what failed, by bug: how often, since when, in which queues',
  details: `${FILTER_HELP}
It looks at 10,000 messages unless --scan says otherwise. Take the fingerprint of a group to redrive it
alone: --fingerprint.`,
  operands: ['QUEUE'],
  options: [...BROKER_OPTIONS, ...FILTER_OPTIONS, 'scan'],

  async run({ values, operands: [queue = ''], open, doing, hide }) {
    const options = { filter: messageFilter(values), scan: bounds(values).scan };
    const { deadLetters } = await open();
    doing(`looking at ${queue}`);
    const { groups: found, ungrouped, ...look } = await deadLetters.groups(queue, options);
    return {
      exit: EXIT.done,
      json: { ...look, groups: found.map((group) => groupJson(group, hide)), ungrouped },
      text: [
        ...(found.length > 0
          ? [table([HEAD, ...found.map((group) => groupRow(group, hide))])]
          : []),
        ...(ungrouped > 0 ? [`${ungrouped} messages are of still other groups.`] : []),
        ...lookText(look),
      ].join('\n'),
    };
  },
};

const HEAD = [
  'fingerprint',
  'count',
  'redriven',
  'first failed',
  'last failed',
  'code',
  'from',
  'error',
];

function groupRow(group: DeadLetterGroup, hide: (text: string) => string): string[] {
  const error = [group.errorName, group.errorMessage].filter(Boolean).join(': ');
  return [
    group.fingerprint,
    String(group.count),
    String(group.redriven),
    timeText(group.firstFailedAt) ?? '-',
    timeText(group.lastFailedAt) ?? '-',
    short(group.code, 60),
    short(Object.keys(group.queues).join(', ') || '-', 60),
    short(hide(error), 100),
  ];
}

const groupJson = (group: DeadLetterGroup, hide: (text: string) => string): object =>
  nulled({
    ...group,
    errorMessage: group.errorMessage === undefined ? undefined : hide(group.errorMessage),
    firstFailedAt: timeText(group.firstFailedAt),
    lastFailedAt: timeText(group.lastFailedAt),
    sample: jsonOf(group.sample, hide),
  });
