import { countOf, counted, EXIT, usageError, type Answer } from '@acme/nest-message-context/cli';
import type { RedriveReport } from '../../dead-letters/dead-letters.types.js';
import type { Command } from '../command.js';
import { interruptibly } from '../interruption.js';
import { bounds, messageFilter } from '../message-filter.js';
import { BROKER_OPTIONS, FILTER_HELP, FILTER_OPTIONS } from '../options.js';
import { endText, jsonOf } from '../shown.js';

export const redrive: Command = {
  summary: 'Brings messages back to the queue that each failed in, to be tried afresh',
  details: `${FILTER_HELP}
Without any, all that are there when it begins. Each is removed here once the broker has confirmed it
there: a crash leaves it in both, never in neither. Ctrl-C ends it in good order. --resume RUN goes on
with a run that was interrupted, and leaves what that one has brought back and failed again. What was
brought back --max-redrives times before is left, unless --force.`,
  operands: ['QUEUE'],
  options: [
    ...BROKER_OPTIONS,
    ...FILTER_OPTIONS,
    'limit',
    'scan',
    'to',
    'rate',
    'max-redrives',
    'force',
    'resume',
    'dry-run',
  ],

  async run({ values, operands: [queue = ''], open, doing, hide }) {
    const options = {
      filter: messageFilter(values),
      ...bounds(values),
      to: values.to,
      rate: rateOf(values.rate),
      maxRedrives: countOf('max-redrives', values['max-redrives'], 100_000),
      force: values.force,
      resume: values.resume,
      dryRun: values['dry-run'],
    };
    const { deadLetters } = await open();
    doing('redriving');
    const report = await interruptibly((signal) =>
      deadLetters.redrive(queue, {
        ...options,
        signal,
        onProgress: ({ done, looked, ready }) =>
          doing(`redriving, ${done} so far; looked at ${looked} of ${ready}`),
      }),
    );
    return answerOf(report, hide);
  },
};

function rateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const rate = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (rate > 0) return rate;
  throw usageError(`--rate: give how many messages a second: 50, or 0.5.`);
}

function answerOf(report: RedriveReport, hide: (text: string) => string): Answer {
  const { dryRun, redriven, left, end } = report;
  const went = left.failed > 0 || end === 'stopped' ? EXIT.failed : EXIT.done;
  return {
    exit: went === EXIT.done && redriven === 0 ? EXIT.nothing : went,
    json: {
      ...report,
      failures: report.failures.map((failure) => ({ ...failure, message: hide(failure.message) })),
      sample: report.sample.map((message) => jsonOf(message, hide)),
    },
    text: [
      redriven > 0
        ? `${dryRun ? 'Would be redriven' : 'Redriven'}: ${counted(redriven, 'message')}.`
        : `Nothing ${dryRun ? 'would be' : 'was'} redriven.`,
      ...Object.entries(report.to).map(([queue, count]) => `  ${count} to ${queue}`),
      ...leftText(report),
      ...report.failures.map(
        ({ queue, count, message }) =>
          `${counted(count, 'message')} for ${queue} left: ${hide(message)}`,
      ),
      ...endText(end, report.ready, report.looked),
      ...(end === 'stopped' ? [`Stopped. Go on with --resume ${report.id}.`] : []),
    ].join('\n'),
  };
}

const leftText = ({ left }: RedriveReport): string[] =>
  [
    [left.tooOften, 'brought back too often before: mend the cause, or --force'],
    [left.cameBack, 'brought back by this run already, and failed again'],
    [left.withoutOrigin, 'of which nothing says where they failed: give --to'],
  ].flatMap(([count, why]) =>
    count === 0 ? [] : [`${counted(count as number, 'message')} left that were ${why}.`],
  );
