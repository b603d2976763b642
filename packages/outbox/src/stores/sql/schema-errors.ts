import { OutboxSchemaError } from '../../outbox.errors.js';

export const tablesMissing = (lanesTable: string, cause: unknown): OutboxSchemaError =>
  new OutboxSchemaError(
    `The outbox has no tables yet (${lanesTable}). Call store.migrate() in a deployment step, or leave migrate: true.`,
    { cause },
  );

export const lanesDiffer = (lanes: number, count: number, lanesTable: string): OutboxSchemaError =>
  new OutboxSchemaError(
    `relay.lanes is ${lanes}, but the outbox in the database has ${count} lanes, and messages are stored by them. ` +
      `Configure ${count} or leave the option out; to change the number, stop all producers, let the outbox run empty and replace the rows of ${lanesTable}.`,
  );
