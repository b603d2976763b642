import { join } from 'node:path';
import { pnpm } from './install.mjs';
import { Failure, run, top } from './shell.mjs';
import { withTemporaryFolder } from './temporary.mjs';
import { workspace } from './workspace.mjs';

const bin = (name) => join(top, 'node_modules/.bin', name);

/** Lint with type information; a warning is a failure. */
export const lint = () => run(bin('oxlint'), ['--type-aware', '--deny-warnings']);

export const checkFormat = () => run(bin('prettier'), ['--check', '--log-level=warn', '.']);

export const format = () => run(bin('prettier'), ['--write', '--log-level=warn', '.']);

/** Files, exports and dependencies that nobody uses. */
export const unused = () => run(bin('knip'), ['--no-progress', '--no-config-hints']);

/** Runs the script of that name in every package and example that has it; each counts as one check. */
export async function inEach(script, { env, folder = '', limitMs = 10 * 60_000 } = {}) {
  const totals = { passed: 0, failed: 0 };
  for (const one of workspace()) {
    if (!one.folder.startsWith(folder) || !one.manifest.scripts?.[script]) continue;
    console.log(`${one.name}: ${script}`);
    try {
      await pnpm(['--silent', '--dir', one.path, 'run', script], { env, limitMs });
      totals.passed += 1;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      console.error(error.message);
      totals.failed += 1;
    }
  }
  return totals;
}

export const typecheck = () => inEach('typecheck');

/** Generated files that are committed, and code in the documentation, must be what they were made from. */
export const drift = async () => {
  const [generated, docs] = [await inEach('check:generated'), await inEach('check:docs')];
  return { passed: generated.passed + docs.passed, failed: generated.failed + docs.failed };
};

/** The examples' own tests, on the built packages. */
export const examples = (env) =>
  withTemporaryFolder((temporary) =>
    inEach('test', { env: { ...env, ...temporary }, folder: 'examples/' }),
  );
