import { COMMON_OPTIONS, type OptionTexts, type ValuesOf } from '@acme/nest-message-context/cli';

/** Every option of every command. */
export const OPTIONS = {
  url: {
    type: 'string',
    secret: true,
    value: 'URL',
    help: 'the store: postgres://…, mariadb://…, redis://… or rediss://…; with the driver of your project',
  },
  config: {
    type: 'string',
    value: 'FILE',
    help: 'instead of --url: a module whose default export is, or gives, { store, namespace?, close? }',
  },
  schema: { type: 'string', value: 'NAME', help: 'SQL: schema of the tables (idempotency)' },
  table: { type: 'string', value: 'NAME', help: 'SQL: table of the records (records)' },
  prefix: { type: 'string', value: 'TEXT', help: 'Redis: what stands before keys (idempotency:)' },
  dialect: { type: 'string', value: 'NAME', help: 'instead of --url: postgres or mariadb' },
  namespace: { type: 'string', value: 'TEXT', help: 'namespace of the service' },
  name: { type: 'string', value: 'TEXT', help: 'name of the handler, such as Billing.charge' },
  key: { type: 'string', value: 'TEXT', help: 'the idempotency key; it is printed nowhere' },
  principal: { type: 'string', value: 'TEXT', help: 'whose call it is, where the service asks' },
  id: { type: 'string', value: 'HEX', help: 'instead of these: the 64 digits that are in logs' },
  'show-outcome': { type: 'boolean', help: 'show the stored reply, too, which may be private' },
  limit: { type: 'string', value: 'N', help: 'how many to remove in one statement (1000)' },
  ...COMMON_OPTIONS,
} as const satisfies OptionTexts;

export type OptionName = keyof typeof OPTIONS;

/** What was given on the command line. */
export type Values = ValuesOf<typeof OPTIONS>;
