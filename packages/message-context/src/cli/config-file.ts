import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CliError, EXIT, textOf, usageError } from './cli.errors.js';

/** What the default export of the file of `--config` holds, or what it gives when it is a function. */
export type ConfigExports = Readonly<Record<string, unknown>>;

/** How the file of `--config` is read. */
export interface ConfigReading {
  /** `(href) => import(href)`: said where the modules are that can import any other. */
  readonly load: (href: string) => Promise<object>;
  /** What is wrong with what it exports, each with its remedy; `close` aside. */
  readonly problems: (exported: ConfigExports) => string[];
}

/**
 * Loads the file of `--config`. Whoever gets it closes it.
 *
 * @throws {CliError} when it exports something else than is needed, or fails by itself
 */
export async function openConfig(
  file: string,
  cwd: string,
  { load, problems: problemsOf }: ConfigReading,
): Promise<{ readonly exported: ConfigExports; readonly close: () => Promise<void> }> {
  const path = resolve(cwd, file);
  if (!existsSync(path)) throw usageError(`--config: there is no file ${path}.`);
  const exported = await exportedBy(path, file, load);
  const { close } = exported;
  const opened = {
    exported,
    close: async () => {
      if (typeof close === 'function') await (close as () => unknown).call(exported);
    },
  };
  const problems = problemsOf(exported);
  if (close !== undefined && typeof close !== 'function')
    problems.push('close: it is no function. Give one that ends what the file has opened.');
  if (problems.length === 0) return opened;
  await opened.close();
  throw usageError(problems.map((problem) => `--config ${file}: ${problem}`).join('\n'));
}

/** Whether a value can be used as what has these methods. */
export const hasMethods = (value: unknown, methods: readonly string[]): boolean =>
  typeof value === 'object' &&
  value !== null &&
  methods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');

async function exportedBy(
  path: string,
  file: string,
  load: ConfigReading['load'],
): Promise<ConfigExports> {
  try {
    const { default: exported } = (await load(pathToFileURL(path).href)) as { default?: unknown };
    const given = typeof exported === 'function' ? await (exported as () => unknown)() : exported;
    return typeof given === 'object' && given !== null ? (given as ConfigExports) : {};
  } catch (cause) {
    throw new CliError(EXIT.failed, 'CONFIG_FAILED', `--config ${file}: ${textOf(cause)}`, {
      cause,
    });
  }
}
