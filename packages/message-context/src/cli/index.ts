/**
 * @internal What the command lines of this project's packages have in common. It is no API: it changes with any version,
 * together with the packages that use it.
 */
export { CliError, EXIT, explain, textOf, usageError } from './cli.errors.js';
export type { ExitCode, Explanation } from './cli.errors.js';
export { hasMethods, openConfig } from './config-file.js';
export type { ConfigExports, ConfigReading } from './config-file.js';
export { driversOf } from './drivers.js';
export type { Drivers } from './drivers.js';
export { helpOf, overview } from './help.js';
export { main } from './main.js';
export { COMMON_OPTIONS } from './options.js';
export type { CommonValues, OptionTexts, ValuesOf } from './options.js';
export type { Answer, Command, Desk, Opened, Program } from './program.js';
export { run } from './run.js';
export type { Surroundings } from './run.js';
export { dialectAsked, dialectOf, schemeOf, sourceOf } from './schemes.js';
export type { SchemeLike, Schemes } from './schemes.js';
export { counted, lines, mapTexts, short } from './text.js';
export { versionOf } from './version-of.js';
export { countOf, durationOf, timeOf } from './values.js';
