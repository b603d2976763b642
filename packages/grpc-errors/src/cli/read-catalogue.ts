import { readFileSync } from 'node:fs';
import { CliError, EXIT } from '@acme/nest-message-context/cli';
import { readSafely } from '../core/read-safely.js';
import type { ErrorCatalogue } from '../catalogue/error-catalogue.js';

/**
 * What a file of `--write` holds.
 *
 * @param named as it was given
 * @throws {CliError} when it is none
 */
export function readCatalogue(file: string, named: string): ErrorCatalogue {
  try {
    // Some editors put a mark before it.
    const read: unknown = JSON.parse(readFileSync(file, 'utf8').replace(/^\ufeff/, ''));
    const errors = readSafely(read, 'errors');
    if (Array.isArray(errors) && errors.every(isEntry)) return read as ErrorCatalogue;
  } catch {
    // Said below.
  }
  throw new CliError(
    EXIT.usage,
    'NO_CATALOGUE',
    `--against: ${named} is no catalogue. Make it with --write, or with: nest-grpc-errors catalogue --json.`,
  );
}

function isEntry(one: unknown): boolean {
  const metadata = readSafely(one, 'metadata');
  return (
    ['domain', 'reason', 'code'].every((name) => typeof readSafely(one, name) === 'string') &&
    (metadata === null || Array.isArray(metadata))
  );
}
