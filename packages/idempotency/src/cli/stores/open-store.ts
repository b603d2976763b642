import {
  driversOf,
  hasMethods,
  openConfig,
  sourceOf,
  type ConfigExports,
} from '@acme/nest-message-context/cli';
import type { IdempotencyStore } from '../../core/store.js';
import type { Values } from '../options.js';
import { SCHEMES, STORE_OPTIONS } from './schemes.js';

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
  const scheme = sourceOf(values, SCHEMES, STORE_OPTIONS);
  const opened = scheme
    ? { ...(await scheme.open(values.url!, values, driversOf(cwd))), namespace: undefined }
    : await fromFile(values.config!, cwd);
  const { store, namespace } = opened;
  return {
    store,
    namespace,
    close: async () => {
      await store.close?.();
      await opened.close();
    },
  };
}

async function fromFile(file: string, cwd: string): Promise<OpenStore> {
  const { exported, close } = await openConfig(file, cwd, {
    load: (href) => import(href) as Promise<object>,
    problems: problemsOf,
  });
  const { store, namespace } = exported as Pick<OpenStore, 'store' | 'namespace'>;
  return { store, namespace, close };
}

function problemsOf({ store, namespace }: ConfigExports): string[] {
  const problems: string[] = [];
  if (!hasMethods(store, ['get', 'remove', 'purge', 'check']))
    problems.push(
      'its default export has no store. Write: export default { store, namespace, close: () => pool.end() }, or a function that gives such an object.',
    );
  if (namespace !== undefined && typeof namespace !== 'string')
    problems.push('namespace: it is no text. Give the namespace of the service.');
  return problems;
}
