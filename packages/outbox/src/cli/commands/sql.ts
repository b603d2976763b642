import { countOf, dialectAsked, EXIT, usageError } from '@acme/nest-message-context/cli';
import { isSqlStore, type SqlOutboxStore } from '../../contracts/sql-outbox-store.js';
import type { Command, Desk } from '../command.js';
import { SCHEMES } from '../stores/schemes.js';
import { MOST_LANES } from './migrate.js';

export const sql: Command = {
  summary: 'Prints the SQL of migrate, for deployments that apply SQL by hand',
  details: `Connects to nothing: of --url only the kind of database counts, and --dialect will do. The script is for
psql or mariadb, with --json the statement alone. It brings tables of any version to the newest, so it may be
applied again.`,
  options: ['dialect', 'url', 'config', 'schema', 'lanes'],

  async run(desk) {
    const lanes = countOf('lanes', desk.values.lanes, MOST_LANES);
    const store = await storeOf(desk);
    const text = store.migrationScript(lanes).trimEnd();
    return { exit: EXIT.done, json: { sql: store.migrationSql(lanes) }, text };
  },
};

async function storeOf({ values, open }: Desk): Promise<SqlOutboxStore> {
  const scheme = dialectAsked(values, SCHEMES);
  if (scheme) return scheme.unconnected(values);
  const { store } = await open();
  if (isSqlStore(store)) return store;
  throw usageError('This store has no tables, so there is no SQL for it.');
}
