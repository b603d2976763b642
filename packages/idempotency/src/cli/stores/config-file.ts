import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { IdempotencyStore } from '../../core/store.js';
import { textOf } from '../../core/text-of.js';
import { CliError, EXIT, usageError } from '../cli.errors.js';
import type { OpenStore } from './open-store.js';

const METHODS = ['get', 'remove', 'purge', 'check'] as const;

interface Config {
  readonly store?: unknown;
  readonly namespace?: unknown;
  readonly close?: unknown;
}

/** @throws {CliError} when it exports something else than a store, or fails by itself */
export async function openConfig(file: string, cwd: string): Promise<OpenStore> {
  const path = resolve(cwd, file);
  if (!existsSync(path)) throw usageError(`--config: there is no file ${path}.`);
  const config = await exportedBy(path, file);
  const { store, namespace, close } = config;
  const opened = {
    store: store as IdempotencyStore,
    namespace: namespace as string | undefined,
    close: async () => {
      if (typeof close === 'function') await (close as () => unknown).call(config);
    },
  };
  const problems = problemsOf(config);
  if (problems.length === 0) return opened;
  await opened.close();
  throw usageError(problems.map((problem) => `--config ${file}: ${problem}`).join('\n'));
}

async function exportedBy(path: string, file: string): Promise<Config> {
  try {
    const { default: exported } = (await import(pathToFileURL(path).href)) as { default?: unknown };
    const given = typeof exported === 'function' ? await (exported as () => unknown)() : exported;
    return typeof given === 'object' && given !== null ? given : {};
  } catch (cause) {
    throw new CliError(EXIT.failed, 'CONFIG_FAILED', `--config ${file}: ${textOf(cause)}`, {
      cause,
    });
  }
}

function problemsOf({ store, namespace, close }: Config): string[] {
  const problems: string[] = [];
  if (!isStore(store))
    problems.push(
      'its default export has no store. Write: export default { store, namespace, close: () => pool.end() }, or a function that gives such an object.',
    );
  if (namespace !== undefined && typeof namespace !== 'string')
    problems.push('namespace: it is no text. Give the namespace of the service.');
  if (close !== undefined && typeof close !== 'function')
    problems.push('close: it is no function. Give one that ends what the file has opened.');
  return problems;
}

const isStore = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  METHODS.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
