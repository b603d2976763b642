import { usageError } from '@acme/nest-message-context/cli';
import { recordIdOf } from '../core/identity.js';
import { parseValueKey } from '../core/key.js';
import type { OptionName, Values } from './options.js';

/** Options that say which record is meant. */
export const RECORD_OPTIONS = ['namespace', 'name', 'key', 'principal', 'id'] as const;

/** For the help of commands that take them. */
export const RECORD_HELP = `A record is named by --namespace, --name and --key, with --principal where the service has a
principal, exactly as the service has them; or by --id, which is in logs and errors. A key on a
command line can be read by others on the same machine, and stays in the history of the shell.`;

/**
 * The id of the record that is meant.
 *
 * @param namespace the one of the service, where it is known
 * @throws {CliError} when something is missing or wrong
 */
export function recordId(values: Values, namespace: string | undefined): string {
  const { id, name, key, principal } = values;
  if (id !== undefined) return givenId(id, values);
  const scope = values.namespace ?? namespace;
  const needed = { namespace: scope, name, key };
  const missing = Object.entries(needed).filter(([, value]) => !value);
  if (missing.length > 0)
    throw usageError(
      `Say which record: ${missing.map(([option]) => `--${option}`).join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing. Or give --id.`,
    );
  const parsed = parseValueKey(key);
  if (!('key' in parsed))
    throw usageError(`--key: ${'invalid' in parsed ? parsed.invalid : 'it is empty'}.`);
  return recordIdOf({ namespace: scope!, principal, name: name!, key: parsed.key });
}

function givenId(id: string, values: Values): string {
  const others: readonly OptionName[] = RECORD_OPTIONS.filter((option) => option !== 'id');
  const other = others.find((option) => values[option] !== undefined);
  if (other !== undefined) throw usageError(`--id names the record already. Leave --${other} out.`);
  if (!/^[0-9a-f]{64}$/i.test(id))
    throw usageError(
      '--id: this is none. It has 64 hexadecimal digits, and is in logs and errors.',
    );
  return id.toLowerCase();
}
