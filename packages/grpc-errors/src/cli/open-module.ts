import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  CliError,
  driversOf,
  EXIT,
  openConfig,
  textOf,
  usageError,
  type ConfigExports,
} from '@acme/nest-message-context/cli';
import { errorCatalogue, type ErrorCatalogue } from '../catalogue/error-catalogue.js';
import { readSafely } from '../core/read-safely.js';
import { collect } from '../mapping/collected.js';
import type { Values } from './options.js';
import { scanModule, type NestCore, type RootModule, type Scan } from './scan-module.js';

/** An application, as far as its errors go. */
export interface OpenModule {
  readonly published: ErrorCatalogue;
  close(): Promise<void>;
}

interface Loaded {
  readonly root: RootModule;
  readonly domain: string | undefined;
  /** Where its packages are found. */
  readonly folder: string;
  close(): Promise<void>;
}

/**
 * Loads and scans what `--module` or `--config` names.
 *
 * @throws {CliError} when it is named wrongly, cannot be loaded, or has no errors to publish
 */
export async function openModule(values: Values, cwd: string): Promise<OpenModule> {
  const { module, config, domain } = values;
  if ((module === undefined) === (config === undefined))
    throw usageError(
      'Say which application, in one way: --module dist/app.module.js#AppModule, or --config file.mjs.',
    );
  // Before anything of it is loaded: decorators run once.
  const classes = collect();
  const loaded = await quietly(async () =>
    module === undefined ? fromFile(config!, cwd) : fromModule(module, cwd),
  );
  try {
    const scan = await quietly(async () => scanned(loaded));
    const known = domainOf(scan, domain ?? loaded.domain);
    const { errors, atRunTime } = errorCatalogue({ ...scan, domain: known, classes });
    const hidden = scan.isHidden ? ['mappings of GrpcErrorsModule.forRootAsync()'] : [];
    return {
      published: { errors, atRunTime: [...atRunTime, ...hidden] },
      close: () => loaded.close(),
    };
  } catch (error) {
    await loaded.close();
    throw error;
  }
}

async function fromModule(given: string, cwd: string): Promise<Loaded> {
  const [, file = '', name] = /^(.*?)(?:#(.+)?)?$/s.exec(given) ?? [];
  const path = resolve(cwd, file);
  if (!existsSync(path))
    throw usageError(`--module: there is no file ${path}. Build the application, and name it.`);
  const exported = await loading(`--module ${file}`, () => import(pathToFileURL(path).href));
  // Of CommonJS everything is under `default` as well, also what Node has not recognised.
  const found = (name === undefined ? ['AppModule', 'default'] : [name])
    .flatMap((one) => [readSafely(exported, one), readSafely(readSafely(exported, 'default'), one)])
    .find((one) => typeof one === 'function');
  if (found === undefined)
    throw usageError(
      `--module: ${file} exports no class ${name ?? 'AppModule, and no default one'}. Say which it is: --module ${file}#AppModule.`,
    );
  return {
    root: found as RootModule,
    domain: undefined,
    folder: dirname(path),
    close: async () => {},
  };
}

async function fromFile(file: string, cwd: string): Promise<Loaded> {
  const { exported, close } = await openConfig(file, cwd, {
    load: (href) => import(href) as Promise<object>,
    problems: problemsOf,
  });
  const { module, domain } = exported as { module: RootModule; domain?: string };
  return { root: module, domain, folder: dirname(resolve(cwd, file)), close };
}

function problemsOf({ module, domain }: ConfigExports): string[] {
  const problems: string[] = [];
  if (typeof module !== 'function' && typeof readSafely(module, 'module') !== 'function')
    problems.push(
      'its default export has no module. Write: export default { module: AppModule }, or a function that gives such an object.',
    );
  if (domain !== undefined && typeof domain !== 'string')
    problems.push('domain: it is no text. Give the domain of GrpcErrorsModule.');
  return problems;
}

async function scanned({ root, folder }: Loaded): Promise<Scan> {
  const core = driversOf(folder)('@nestjs/core').exports as NestCore;
  return loading('The application', () => scanModule(core, root));
}

/** What an application prints while it is loaded is no answer, and goes where it does not spoil one. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr);
  try {
    return await work();
  } finally {
    stdout.write = write;
  }
}

async function loading<T>(what: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new CliError(
      EXIT.failed,
      'LOADING_FAILED',
      `${what} cannot be loaded: ${textOf(cause)}`,
      { cause },
    );
  }
}

function domainOf({ domains, isHidden }: Scan, given: string | undefined): string {
  const [domain, other] = domains;
  if (other !== undefined)
    throw new CliError(
      EXIT.failed,
      'TWO_DOMAINS',
      `The application has two GrpcErrorsModule.forRoot(), of ${domain} and ${other}. Import it once, at the top.`,
    );
  if (domain === undefined && !isHidden)
    throw new CliError(
      EXIT.nothing,
      'NO_ERRORS',
      'The application imports no GrpcErrorsModule, so callers see none of its errors. Import GrpcErrorsModule.forRoot({ domain }) at the top.',
    );
  if (domain !== undefined && given !== undefined && given !== domain)
    throw usageError(
      `--domain: ${given} is not that of the application, which says ${domain}. Leave it out.`,
    );
  const known = domain ?? given;
  if (known !== undefined) return known;
  throw usageError(
    'The domain is not known before the application runs, since GrpcErrorsModule.forRootAsync() makes it. Say it: --domain orders.example.com.',
  );
}
