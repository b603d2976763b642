import { countOf, timeOf, usageError } from '@acme/nest-message-context/cli';
import type { DeadLetterFilter } from '../core/dead-letter-filter.js';
import { FILTER_OPTIONS, type Values } from './options.js';

const MOST = 1_000_000_000;

/** @throws {CliError} when a value is none */
export function messageFilter(values: Values, now = Date.now()): DeadLetterFilter {
  const failedFrom = timeOf('failed-from', values['failed-from'], now);
  const failedBefore = timeOf('failed-before', values['failed-before'], now);
  if (failedFrom !== undefined && failedBefore !== undefined && failedFrom >= failedBefore)
    throw usageError('--failed-from is not before --failed-before, so nothing is between them.');
  return {
    fingerprint: values.fingerprint,
    code: values.code,
    errorName: values.error,
    queue: values.origin,
    type: values.type,
    routingKey: values['routing-key'],
    messageId: values.id,
    failedFrom,
    failedBefore,
    redrivenAtLeast: fromZero('redriven-at-least', values['redriven-at-least']),
    redrivenAtMost: fromZero('redriven-at-most', values['redriven-at-most']),
  };
}

export const isFiltered = (values: Values): boolean =>
  FILTER_OPTIONS.some((option) => values[option] !== undefined);

/** `--scan` and `--limit`. @throws {CliError} when one is no whole number */
export const bounds = ({ scan, limit }: Values) => ({
  scan: countOf('scan', scan, MOST),
  limit: countOf('limit', limit, MOST),
});

const fromZero = (option: string, text: string | undefined): number | undefined =>
  text === '0' ? 0 : countOf(option, text, MOST);
