import { parseDuration } from '../kit/duration.js';
import { usageError } from './cli.errors.js';

/** A date, or a time with its zone: without one it would be another time on every machine. */
const ISO = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d))?$/i;

/**
 * Unix milliseconds of what an option says: an ISO time, Unix milliseconds, or how long ago.
 *
 * @throws {CliError} when it is none
 */
export function timeOf(
  option: string,
  text: string | undefined,
  now = Date.now(),
): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) {
    if (text.length >= 12) return Number(text);
    throw usageError(
      `--${option}: ${text} would be a moment in ${new Date(Number(text)).getUTCFullYear()}. Give Unix milliseconds, not seconds.`,
    );
  }
  const ago = parseDuration(text.replace(/ ago$/, ''));
  if (ago !== undefined) return now - ago;
  const time = ISO.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(time)) return time;
  throw usageError(
    `--${option}: ${JSON.stringify(text)} is no time. Give 2026-02-28T12:00:00Z, Unix milliseconds, or how long ago: 2h.`,
  );
}

/** Milliseconds. @throws {CliError} when it is no duration */
export function durationOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  throw usageError(
    `--${option}: ${JSON.stringify(text)} is no duration. Give 30s, 15m, 6h, 3d or 1w.`,
  );
}

/** A whole number from 1 on. @throws {CliError} when it is none in that range */
export function countOf(
  option: string,
  text: string | undefined,
  most: number,
): number | undefined {
  if (text === undefined) return undefined;
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= most) return count;
  throw usageError(`--${option}: give a whole number from 1 to ${most}.`);
}
