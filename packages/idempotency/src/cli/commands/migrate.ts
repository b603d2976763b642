import { EXIT } from '@acme/nest-message-context/cli';
import { isSqlStore } from '../../core/store.js';
import type { Command } from '../command.js';

export const migrate: Command = {
  summary: 'Creates the tables, or upgrades them; Redis needs none',
  details: `Additive: the older version of a service goes on working. Several at once are safe, one does it and
the others wait. It needs the right to create tables, and a schema where there is none yet.`,
  options: ['url', 'config', 'schema', 'table', 'prefix'],

  async run({ open, doing }) {
    const { store } = await open();
    const { label } = store;
    if (!isSqlStore(store))
      return {
        exit: EXIT.done,
        json: { store: label, tables: null },
        text: `${label} needs no tables: there is nothing to do.`,
      };
    const before = await store.version();
    doing(`migrating the tables in ${label}`);
    await store.migrate();
    const after = await store.version();
    const is = `The tables in ${label} are at version ${after.found}`;
    return {
      exit: EXIT.done,
      json: { store: label, tables: { before: before.found, after: after.found } },
      text: before.found < after.found ? `${is}; they were at ${before.found}.` : `${is} already.`,
    };
  },
};
