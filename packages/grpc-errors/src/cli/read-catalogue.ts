import { CliError, EXIT } from '@acme/nest-message-context/cli';
import { readSafely } from '../core/read-safely.js';
import type { ErrorCatalogue } from '../catalogue/error-catalogue.js';

/** What a file of `--write` holds. @throws {CliError} when it is none */
export function readCatalogue(text: string, file: string): ErrorCatalogue {
  try {
    const read: unknown = JSON.parse(text);
    const errors = readSafely(read, 'errors');
    if (Array.isArray(errors) && errors.every(isEntry)) return read as ErrorCatalogue;
  } catch {
    // Said below.
  }
  throw new CliError(
    EXIT.usage,
    'NO_CATALOGUE',
    `--against: ${file} is no catalogue. Make it with --write, or with: nest-grpc-errors catalogue --json.`,
  );
}

function isEntry(one: unknown): boolean {
  const metadata = readSafely(one, 'metadata');
  return (
    ['domain', 'reason', 'code'].every((name) => typeof readSafely(one, name) === 'string') &&
    (metadata === null || Array.isArray(metadata))
  );
}
