import { dialectAsked, EXIT, usageError } from '@acme/nest-message-context/cli';
import { isSqlStore, type SqlIdempotencyStore } from '../../core/store.js';
import type { Command, Desk } from '../command.js';
import { SCHEMES } from '../stores/schemes.js';

export const sql: Command = {
  summary: 'Prints the SQL of migrate, for deployments that apply SQL by hand',
  details: `Connects to nothing: of --url only the kind of database counts, and --dialect will do. The script
brings tables of any version to the newest, so it may be applied again.`,
  options: ['dialect', 'url', 'config', 'schema', 'table'],

  async run(desk) {
    const text = (await storeOf(desk)).migrationSql();
    return { exit: EXIT.done, json: { sql: text }, text: text.trimEnd() };
  },
};

async function storeOf({ values, open }: Desk): Promise<SqlIdempotencyStore> {
  const scheme = dialectAsked(values, SCHEMES);
  const store = scheme ? scheme.unconnected?.(values) : (await open()).store;
  if (store && isSqlStore(store)) return store;
  throw usageError('This store has no tables, so there is no SQL for it.');
}
