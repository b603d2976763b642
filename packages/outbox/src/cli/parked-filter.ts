import type { ParkedFilter } from '../contracts/messages.js';
import type { Values } from './options.js';

/** Options that say which parked messages are meant. */
export const PARKED_OPTIONS = ['type', 'key', 'reason', 'id'] as const;

/** For the help of commands that take them. */
export const PARKED_HELP = `--type, --key, --reason and --id say which; of several all must hold, of several --id one.`;

export const parkedFilter = ({ type, key, reason, id }: Values): ParkedFilter => ({
  type,
  key,
  reason,
  messageIds: id,
});

export const isFiltered = (values: Values): boolean =>
  PARKED_OPTIONS.some((option) => values[option] !== undefined);
