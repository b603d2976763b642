import { COMMON_OPTIONS, type OptionTexts, type ValuesOf } from '@acme/nest-message-context/cli';

/** Every option of every command. */
export const OPTIONS = {
  url: {
    type: 'string',
    secret: true,
    value: 'URL',
    help: 'the store: postgres://…; with the driver of your project',
  },
  config: {
    type: 'string',
    value: 'FILE',
    help: 'instead of --url: a module whose default export is, or gives, { store, close? }',
  },
  schema: {
    type: 'string',
    value: 'NAME',
    help: 'schema of the tables (the first of the search path)',
  },
  dialect: { type: 'string', value: 'NAME', help: 'instead of --url: postgres, mariadb' },
  lanes: { type: 'string', value: 'N', help: 'number of lanes of new tables (16)' },
  type: { type: 'string', value: 'NAME', help: 'messages of this type' },
  key: { type: 'string', value: 'TEXT', help: 'messages of this key' },
  reason: { type: 'string', value: 'CODE', help: 'parked for this reason: UNROUTABLE, CRASHED, …' },
  id: { type: 'string', value: 'ID', multiple: true, help: 'this message; may be repeated' },
  all: { type: 'boolean', help: 'all of them' },
  limit: { type: 'string', value: 'N', help: 'how many to show (100)' },
  from: { type: 'string', value: 'TIME', help: 'published then or later' },
  to: { type: 'string', value: 'TIME', help: 'published before' },
  'new-ids': { type: 'boolean', help: 'with new message ids: consumers handle them once more' },
  amqp: {
    type: 'string',
    secret: true,
    value: 'URL',
    help: 'look at the broker, too: amqp://… or amqps://…; with amqplib of your project',
  },
  exchange: {
    type: 'string',
    value: 'NAME',
    help: "look for it, too: the publisher's, of messages that name none",
  },
  'max-age': { type: 'string', value: 'TIME', help: 'what has waited longer is too late (1m)' },
  retention: { type: 'string', value: 'TIME', help: 'how long messages are to be kept: 7d' },
  ...COMMON_OPTIONS,
} as const satisfies OptionTexts;

/** What was given on the command line. */
export type Values = ValuesOf<typeof OPTIONS>;
