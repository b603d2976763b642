// Mirrors the specs of every published package into `.suites/<package>/test`, so that the very same files, importing
// `@acme/nest-…` by name, get the built packages and Nest 12 from here. A copy and not a link: Node resolves the
// imports of a linked file from where the link points to, and that is Nest 11.
import { cpSync, existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { published } from '../../internal-testing/bin/repo/workspace.mjs';

// Specs of what a package does not export, and what supports these, import its sources by path: there is no build to run them
// against.
const INTERNAL = /\.internal(\.int)?(\.spec)?\.ts$/;

export const here = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * @typedef {{ name: string, packageName: string, manifest: Record<string, Record<string, string>>,
 *   source: string, target: string, specs: string[] }} Suite specs are paths below both `source` and `target`
 */

/** @returns {Suite[]} one for each published package, also for those without a spec yet */
export function suites() {
  return published().map(({ name: packageName, path, manifest }) => {
    const name = basename(path);
    return {
      name,
      packageName,
      manifest,
      source: join(path, 'test'),
      target: join(here, '.suites', name, 'test'),
      specs: specsIn(join(path, 'test')),
    };
  });
}

/**
 * Lays the mirror anew.
 * @returns {Suite[]} what was mirrored: the packages that have specs
 */
export function mirrorSuites() {
  const all = suites();
  rmSync(join(here, '.suites'), { recursive: true, force: true });
  const withSpecs = all.filter(({ specs }) => specs.length > 0);
  for (const { source, target } of withSpecs) {
    cpSync(source, target, { recursive: true, filter: (file) => !INTERNAL.test(file) });
  }
  return withSpecs;
}

/**
 * The specs that stand for each package in `npm test`; `npm run test:nest12` runs them all.
 * @param {Suite[]} withSpecs
 * @returns {Suite[]}
 */
export function representatives(withSpecs) {
  const chosen = JSON.parse(readFileSync(join(here, 'representatives.json'), 'utf8'));
  return withSpecs.map((suite) => {
    const wanted = chosen[suite.name];
    if (!wanted) {
      throw new Error(
        `packages/internal-nest12/representatives.json names no spec of "${suite.name}", so npm test would not run that package on Nest 12. Name at least one, or "*" for all.`,
      );
    }
    const unknown = wanted.filter((spec) => spec !== '*' && !suite.specs.includes(spec));
    if (unknown.length > 0) {
      throw new Error(
        `packages/internal-nest12/representatives.json names specs of "${suite.name}" that are not there: ${unknown.join(', ')}.`,
      );
    }
    return wanted.includes('*') ? suite : { ...suite, specs: wanted };
  });
}

/** @param {string} folder */
function specsIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.spec.ts') && !INTERNAL.test(file))
    .map((file) => file.split(sep).join('/'))
    .sort();
}

// `node src/suites.mjs` lays the mirror without running it, for the type check.
if (process.argv[1] === fileURLToPath(import.meta.url)) mirrorSuites();
