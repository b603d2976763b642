import { mysqlErrnoOf, sqlStateOf } from '@acme/nest-transaction';
import { OutboxSchemaError } from '../../outbox.errors.js';

export const tablesMissing = (lanesTable: string, cause: unknown): OutboxSchemaError =>
  new OutboxSchemaError(
    `The outbox has no tables yet (${lanesTable}). Run npx nest-outbox migrate, or store.migrate(), in a deployment step, or leave migrate: true.`,
    { cause },
  );

export const lanesDiffer = (lanes: number, count: number, lanesTable: string): OutboxSchemaError =>
  new OutboxSchemaError(
    `relay.lanes is ${lanes}, but the outbox in the database has ${count} lanes, and messages are stored by them. ` +
      `Configure ${count} or leave the option out; to change the number, stop all producers, let the outbox run empty and replace the rows of ${lanesTable}.`,
  );

/** Of PostgreSQL: insufficient privilege. Of MariaDB: of the database, the user, a command, a column, a routine. */
const DENIED = ['42501', 1044, 1045, 1142, 1143, 1227, 1370];
/** Of PostgreSQL: no such schema. Of MariaDB: none chosen, none of that name. */
const NOWHERE = ['3F000', 1046, 1049];

/** With what to do about it, where the database has said something that its message does not tell. */
export function unprepared(error: unknown): unknown {
  const codes = [sqlStateOf(error), mysqlErrnoOf(error)];
  const isOne = (known: readonly (string | number)[]): boolean =>
    codes.some((code) => code !== undefined && known.includes(code));
  const remedy = isOne(DENIED)
    ? 'The user needs select, insert, update and delete on the tables. Where it may not create them, make them before: npx nest-outbox migrate as a user who may, or npx nest-outbox sql for those who apply SQL by hand.'
    : isOne(NOWHERE)
      ? 'Create the schema, or database, that the pool connects to or that the store was given as schema.'
      : undefined;
  if (remedy === undefined) return error;
  const { message } = error as Error;
  return new OutboxSchemaError(`The outbox cannot use its tables: ${message}. ${remedy}`, {
    cause: error,
  });
}
