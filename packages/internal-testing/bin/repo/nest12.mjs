import { relative } from 'node:path';
import { top } from './shell.mjs';
import { vitestIn } from './vitest.mjs';

/** Runs the suites of the published packages, as built, on Nest 12: all of them, or those that stand for each package. */
export async function nest12(env, { representative = false, args = [] } = {}) {
  const lane = await import('../../../internal-nest12/src/suites.mjs');
  const outcome = await vitestIn(lane.here, 'nest12', args, {
    ...env,
    NEST12_SUITES: representative ? 'representative' : 'all',
  });
  if (representative || args.length > 0) return outcome;
  const ran = new Set(outcome.files);
  const left = lane
    .suites()
    .flatMap(({ target, specs }) => specs.map((spec) => `${target}/${spec}`))
    .filter((file) => !ran.has(file));
  if (left.length === 0) return outcome;
  console.error(
    `The Nest 12 lane did not run:\n${left.map((file) => `  ${relative(top, file)}`).join('\n')}`,
  );
  return { ...outcome, failed: outcome.failed + left.length };
}
