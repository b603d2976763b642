import { COMMON_OPTIONS, type OptionTexts, type ValuesOf } from '@acme/nest-message-context/cli';

/** Every option of every command. */
export const OPTIONS = {
  url: {
    type: 'string',
    multiple: true,
    secret: true,
    value: 'URL',
    help: 'the broker: amqp://… or amqps://…, of each node that may be tried; with amqplib of your project',
  },
  config: {
    type: 'string',
    value: 'FILE',
    help: 'instead of --url: a module whose default export is, or gives, { connect, topology?, close? }',
  },
  ca: {
    type: 'string',
    value: 'FILE',
    help: 'with amqps://: the certificates to believe (those of Node)',
  },
  cert: {
    type: 'string',
    value: 'FILE',
    help: 'with amqps://: your own certificate, where the broker wants one',
  },
  key: { type: 'string', value: 'FILE', help: 'its private key' },
  fingerprint: { type: 'string', value: 'HEX', multiple: true, help: 'failed for this bug' },
  code: { type: 'string', value: 'CODE', multiple: true, help: 'parked with this code' },
  error: { type: 'string', value: 'NAME', multiple: true, help: 'an error of this class' },
  origin: { type: 'string', value: 'QUEUE', multiple: true, help: 'failed in this queue' },
  type: { type: 'string', value: 'NAME', multiple: true, help: 'of this type' },
  'routing-key': {
    type: 'string',
    value: 'KEY',
    multiple: true,
    help: 'first published with this routing key',
  },
  id: { type: 'string', value: 'ID', multiple: true, help: 'of this message id' },
  'failed-from': { type: 'string', value: 'TIME', help: 'last failed then or later' },
  'failed-before': { type: 'string', value: 'TIME', help: 'last failed before' },
  'redriven-at-least': { type: 'string', value: 'N', help: 'brought back so often or more' },
  'redriven-at-most': { type: 'string', value: 'N', help: 'brought back so often or less' },
  scan: { type: 'string', value: 'N', help: 'look at so many messages at most' },
  limit: { type: 'string', value: 'N', help: 'show or take so many at most' },
  to: { type: 'string', value: 'QUEUE', help: 'to this queue (the one that each failed in)' },
  rate: { type: 'string', value: 'N', help: 'so many messages a second (as fast as it goes)' },
  'max-redrives': {
    type: 'string',
    value: 'N',
    help: 'leave what was brought back so often (3)',
  },
  force: { type: 'boolean', help: 'those as well' },
  resume: { type: 'string', value: 'RUN', help: 'go on with a run that was interrupted' },
  'dry-run': { type: 'boolean', help: 'only say what would be done' },
  out: { type: 'string', value: 'FILE', help: 'a new file, instead of standard output' },
  all: { type: 'boolean', help: 'whatever is there, also what comes in meanwhile' },
  yes: { type: 'boolean', help: 'really: nothing brings it back' },
  ...COMMON_OPTIONS,
} as const satisfies OptionTexts;

/** What was given on the command line. */
export type Values = ValuesOf<typeof OPTIONS>;

/** Options that say where the broker is. */
export const BROKER_OPTIONS = ['url', 'config', 'ca', 'cert', 'key'] as const;

/** Options that say which messages are meant. */
export const FILTER_OPTIONS = [
  'fingerprint',
  'code',
  'error',
  'origin',
  'type',
  'routing-key',
  'id',
  'failed-from',
  'failed-before',
  'redriven-at-least',
  'redriven-at-most',
] as const;

/** For the help of commands that take them. */
export const FILTER_HELP = `QUEUE is the name of the dead-letter queue itself: orders.dlq. Of all options that say which messages
are meant each must hold; of one that is given several times, one value. A time is
2026-02-28T12:00:00Z, Unix milliseconds, or how long ago: 2h.`;
