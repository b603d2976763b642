import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, run, top } from './shell.mjs';
import { withTemporaryFolder } from './temporary.mjs';
import { workspace } from './workspace.mjs';

const LIMIT_MS = 20 * 60_000;

/** Runs Vitest in one package: `{ passed, failed, files }`, files being the specs that were really run. */
export async function vitestIn(path, name, args, env, limitMs = LIMIT_MS) {
  const results = join(top, '.cache/results');
  mkdirSync(results, { recursive: true });
  const file = join(results, `${name.replaceAll('/', '+')}.json`);
  rmSync(file, { force: true });
  const failure = await withTemporaryFolder((temporary) =>
    run(
      join(path, 'node_modules/.bin/vitest'),
      ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...args],
      { cwd: path, env: { ...env, ...temporary }, limitMs, leavesNothing: true },
    ),
  ).catch((error) => error);
  if (failure && !(failure instanceof Failure)) throw failure;
  if (failure) console.error(failure.message);
  const outcome = existsSync(file) ? readResults(file) : { passed: 0, failed: 0, files: [] };
  // A spec that cannot be loaded, and a process left behind, fail no test of their own.
  return failure ? { ...outcome, failed: Math.max(outcome.failed, 1) } : outcome;
}

function readResults(file) {
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(file, 'utf8'));
  return {
    passed: numPassedTests,
    failed: numFailedTests,
    files: testResults.map(({ name }) => name),
  };
}

/** Runs one Vitest project (`unit` or `int`) in every package that has it and `isWanted`, and says how many tests there were. */
export async function vitest(project, args, env, isWanted = () => true) {
  const totals = { passed: 0, failed: 0 };
  for (const one of workspace()) {
    if (!one.manifest.scripts?.[`test:${project}`] || !isWanted(one)) continue;
    console.log(`\n${one.name}: ${project}`);
    const outcome = await vitestIn(
      one.path,
      `${one.name}-${project}`,
      ['--project', project, ...args],
      env,
    );
    totals.passed += outcome.passed;
    totals.failed += outcome.failed;
  }
  return totals;
}
