/**
 * @internal How the command lines of this project's packages open a database by its URL. It is no API: it changes with any version,
 * together with the packages that use it.
 */
export { openMariaDb, openPostgres } from './databases.js';
export type { DriversLike, OpenDatabase } from './databases.js';
