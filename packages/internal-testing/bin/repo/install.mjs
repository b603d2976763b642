import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { capture, run, top } from './shell.mjs';

const PNPM = '12.21.0';
const home = join(top, '.cache', `pnpm-${PNPM}`);
const entry = join(home, 'node_modules/pnpm/bin/pnpm.mjs');

/** Runs the pinned pnpm, fetching it from the npm registry the first time. */
export async function pnpm(args, options) {
  await bootstrap();
  await run(process.execPath, [entry, ...args], options);
}

/** The environment of a tool that calls pnpm by its name. */
export const withPnpm = () => ({
  PATH: `${join(home, 'node_modules/.bin')}${delimiter}${process.env.PATH ?? ''}`,
});

/** The settings of `pnpm-workspace.yaml` as pnpm reads them: `{ catalogs, … }`. */
export async function pnpmSettings() {
  await bootstrap();
  return JSON.parse(await capture(process.execPath, [entry, 'config', 'list', '--json']));
}

async function bootstrap() {
  if (existsSync(entry)) return;
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'package.json'), '{ "private": true }\n');
  await run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', `pnpm@${PNPM}`], {
    cwd: home,
    output: 'stderr',
  });
}

/** Installs exactly what the lock file says; does nothing when that was done for these very manifests. */
export async function install() {
  const stamp = join(top, '.cache', 'installed');
  const wanted = fingerprint();
  if (
    existsSync(join(top, 'node_modules')) &&
    existsSync(stamp) &&
    readFileSync(stamp, 'utf8') === wanted
  )
    return;
  await pnpm(['install', '--frozen-lockfile'], { output: 'stderr' });
  writeFileSync(stamp, wanted);
}

function fingerprint() {
  const hash = createHash('sha256');
  const manifests = ['packages', 'examples'].flatMap((folder) =>
    existsSync(join(top, folder))
      ? readdirSync(join(top, folder)).map((name) => join(folder, name, 'package.json'))
      : [],
  );
  for (const file of [
    '.pnpmfile.cjs',
    'package.json',
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    ...manifests.sort(),
  ]) {
    const path = join(top, file);
    if (existsSync(path)) hash.update(file).update(readFileSync(path));
  }
  return hash.digest('hex');
}
