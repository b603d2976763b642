import type { IdempotencyStore } from '../../core/store.js';
import { usageError } from '../cli.errors.js';
import type { Values } from '../options.js';
import { openConfig } from './config-file.js';
import { driversOf } from './drivers.js';
import { schemeOf, STORE_OPTIONS } from './schemes.js';

/** A store to work on, and how to let go of it. */
export interface OpenStore {
  readonly store: IdempotencyStore;
  /** The one of the service, where the file says it. */
  readonly namespace: string | undefined;
  close(): Promise<void>;
}

/**
 * Opens what `--url` or `--config` names.
 *
 * @throws {CliError} when it is named wrongly, or its driver is missing
 * @throws what the driver or the file throws
 */
export async function openStore(values: Values, cwd: string): Promise<OpenStore> {
  const { url, config } = values;
  if ((url === undefined) === (config === undefined))
    throw usageError(
      'Say where the store is, in one way: --url postgres://…, mariadb://… or redis://…, or --config file.mjs.',
    );
  const scheme = url === undefined ? undefined : schemeOf(url);
  const unfit = STORE_OPTIONS.filter(
    (name) => values[name] !== undefined && !scheme?.options.includes(name),
  );
  if (unfit.length > 0)
    throw usageError(
      scheme
        ? `--${unfit[0]} says nothing to this store; it has ${scheme.options.map((name) => `--${name}`).join(' and ')}.`
        : `--${unfit[0]} goes with --url. With --config the file makes the store as it has to be.`,
    );
  if (!scheme) return openConfig(config!, cwd);
  const opened = await scheme.open(url!, values, driversOf(cwd));
  return { ...opened, namespace: undefined };
}
