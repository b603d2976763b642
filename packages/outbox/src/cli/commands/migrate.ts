import { CliError, countOf, EXIT } from '@acme/nest-message-context/cli';
import { isSqlStore } from '../../contracts/sql-outbox-store.js';
import type { Command } from '../command.js';

/** As many as `relay.lanes` may be. */
export const MOST_LANES = 1_024;

export const migrate: Command = {
  summary: 'Creates the tables, or upgrades them',
  details: `Additive: the older version of a service goes on working. Several at once are safe, one does it and
the others wait. It needs the right to create tables, and a schema that is there. The number of
lanes is fixed when the tables are created: with another --lanes than they have it fails.`,
  options: ['url', 'config', 'schema', 'lanes'],

  async run({ values, open, doing }) {
    const lanes = countOf('lanes', values.lanes, MOST_LANES);
    const { store, label } = await open();
    if (!isSqlStore(store))
      return {
        exit: EXIT.done,
        json: { store: label, tables: null, lanes: null },
        text: `${label} needs no tables: there is nothing to do.`,
      };
    const { operations } = store;
    const before = (await operations.version?.())?.found ?? 0;
    doing(`migrating the tables in ${label}`);
    await store.migrate(lanes);
    const after = (await operations.version?.())?.found ?? 0;
    const status = await operations.status();
    if (lanes !== undefined && status.lanes !== lanes)
      throw new CliError(
        EXIT.failed,
        'LANES_DIFFER',
        `The tables in ${label} are at version ${after}, and have ${status.lanes} lanes, not ${lanes}: messages are stored by them, so the number stays. Leave --lanes out; to change it, stop all producers, let the outbox run empty and replace the rows of outbox_lanes.`,
      );
    const is = `The tables in ${label} are at version ${after}, with ${status.lanes} lanes`;
    return {
      exit: EXIT.done,
      json: { store: label, tables: { before, after }, lanes: status.lanes },
      text: before < after ? `${is}; they were at ${before}.` : `${is} already.`,
    };
  },
};
