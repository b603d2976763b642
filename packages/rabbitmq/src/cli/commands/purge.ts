import { counted, EXIT, usageError } from '@acme/nest-message-context/cli';
import type { Command } from '../command.js';
import { interruptibly } from '../interruption.js';
import { bounds, isFiltered, messageFilter } from '../message-filter.js';
import { BROKER_OPTIONS, FILTER_HELP, FILTER_OPTIONS } from '../options.js';
import { endText, jsonOf } from '../shown.js';

export const purge: Command = {
  summary: 'Throws messages away, for good',
  details: `${FILTER_HELP}
Without any of them it wants --all, which takes what comes in meanwhile, too. It asks nothing, so it
wants --yes; --dry-run says what would go. Export first what you may want to see again.
A key that is stopped (ORDER_KEY_STOPPED) stays so: the application lets it go on, OrderedKeys.release().`,
  operands: ['QUEUE'],
  options: [...BROKER_OPTIONS, ...FILTER_OPTIONS, 'all', 'limit', 'scan', 'dry-run', 'yes'],

  async run({ values, operands: [queue = ''], open, doing, hide }) {
    const { all = false, yes = false, 'dry-run': dryRun = false } = values;
    if (isFiltered(values) === all)
      throw usageError(
        'Say which messages are thrown away: by --fingerprint, --code or another option that says which, or --all of them.',
      );
    if (yes === dryRun)
      throw usageError(
        'Nothing brings them back: give --yes to throw them away, or --dry-run to see which they are.',
      );
    const options = { ...(all ? { all } : { filter: messageFilter(values) }), ...bounds(values) };
    const { deadLetters } = await open();
    doing('purging');
    const report = await interruptibly((signal) =>
      deadLetters.purge(queue, {
        ...options,
        dryRun,
        signal,
        onProgress: ({ done, looked, ready }) =>
          doing(`purging, ${done} so far; looked at ${looked} of ${ready}`),
      }),
    );
    const { purged, end, ready, looked } = report;
    const verb = dryRun ? 'Would be purged' : 'Purged';
    return {
      exit: end === 'stopped' ? EXIT.failed : purged > 0 ? EXIT.done : EXIT.nothing,
      json: { ...report, sample: report.sample.map((message) => jsonOf(message, hide)) },
      text: [
        purged > 0 ? `${verb}: ${counted(purged, 'message')}.` : 'There is no such message.',
        ...(all ? [] : endText(end, ready, looked)),
      ].join('\n'),
    };
  },
};
