import {
  driversOf,
  hasMethods,
  openConfig,
  sourceOf,
  type ConfigExports,
} from '@acme/nest-message-context/cli';
import type { OutboxStore } from '../../contracts/outbox-store.js';
import { isSqlStore } from '../../contracts/sql-outbox-store.js';
import type { Values } from '../options.js';
import { SCHEMES, STORE_OPTIONS } from './schemes.js';

/** A store to work on, and how to let go of it. */
export interface OpenStore {
  readonly store: OutboxStore;
  /** What people call it. */
  readonly label: string;
  readonly close: () => Promise<void>;
}

/**
 * Opens what `--url` or `--config` names.
 *
 * @throws {CliError} when it is named wrongly, or its driver is missing
 * @throws what the driver or the file throws
 */
export async function openStore(values: Values, cwd: string): Promise<OpenStore> {
  const scheme = sourceOf(values, SCHEMES, STORE_OPTIONS);
  const { store, close } = scheme
    ? scheme.open(values.url!, values, driversOf(cwd))
    : await fromFile(values.config!, cwd);
  return { store, label: isSqlStore(store) ? store.label : store.constructor.name, close };
}

async function fromFile(file: string, cwd: string): Promise<Omit<OpenStore, 'label'>> {
  const { exported, close } = await openConfig(file, cwd, {
    load: (href) => import(href) as Promise<object>,
    problems: problemsOf,
  });
  return { store: exported['store'] as OutboxStore, close };
}

const OPERATIONS = ['status', 'parked', 'redrive', 'discard', 'published', 'add'];

function problemsOf({ store }: ConfigExports): string[] {
  const { operations } = (store ?? {}) as { operations?: unknown };
  if (hasMethods(store, ['prepare', 'insert']) && hasMethods(operations, OPERATIONS)) return [];
  return [
    'its default export has no store. Write: export default { store, close: () => pool.end() }, or a function that gives such an object.',
  ];
}
