/**
 * What the packages of this family share to read options and to tell time. For them, not for applications: it may change with
 * any version.
 */
export { backoffMs, type Backoff } from './backoff.js';
export { holds, same, until } from './case-tools.js';
export { Chain, type Linked } from './chain.js';
export type { ContractCase } from './contract.js';
export { durationText, parseDuration, type Duration } from './duration.js';
export { isMisfit, OptionsCheck, show } from './options-check.js';
export { Pauses } from './pauses.js';
export { callSafely, inspectSafely, readSafely, readText } from '../read-safely.js';
export { table } from './table.js';
export { atMost, within } from './within.js';
