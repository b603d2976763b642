import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from './shell.mjs';
import { vitestIn } from './vitest.mjs';
import { workspace } from './workspace.mjs';

/** Hours, on two cores. */
const LIMIT_MS = 6 * 60 * 60_000;

/** Integration specs that have a long form: those that say so. Paths within the package. */
export function chaosSpecs(path) {
  const test = join(path, 'test');
  return readdirSync(test, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.int.spec.ts'))
    .filter((file) => readFileSync(join(test, file), 'utf8').includes('CHAOS=full'))
    .map((file) => `test/${file}`)
    .sort();
}

/**
 * Runs their long forms, and says how many tests there were. Arguments are parts of names of specs, none for all, and after
 * them options of Vitest.
 */
export async function chaos(args, env) {
  const end = args.findIndex((one) => one.startsWith('-'));
  const [names, options] = end < 0 ? [args, []] : [args.slice(0, end), args.slice(end)];
  const isWanted = (spec) => names.length === 0 || names.some((name) => spec.includes(name));
  const totals = { passed: 0, failed: 0 };
  let count = 0;
  for (const one of workspace()) {
    if (!one.manifest.scripts?.['test:int']) continue;
    const specs = chaosSpecs(one.path).filter(isWanted);
    if (specs.length === 0) continue;
    count += specs.length;
    console.log(`\n${one.name}: ${specs.join(' ')}`);
    const outcome = await vitestIn(
      one.path,
      `${one.name}-chaos`,
      ['--project', 'int', ...specs, ...options],
      { ...env, CHAOS: 'full' },
      LIMIT_MS,
    );
    totals.passed += outcome.passed;
    totals.failed += outcome.failed;
  }
  if (count === 0) throw new Failure(`No spec with a long form is called ${names.join(', ')}.`);
  return totals;
}
