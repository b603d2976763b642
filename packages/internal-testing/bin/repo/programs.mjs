import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pnpm } from './install.mjs';
import { Failure, run, top } from './shell.mjs';

/** The demonstration: what it prints, and its exit code, are its own. */
export async function demo(args) {
  const path = join(top, 'examples/demo');
  if (!existsSync(path)) throw new Failure('There is no examples/demo to run.');
  await pnpm(['--silent', '--dir', path, 'run', 'demo', ...args]);
}

/** One benchmark by name; without a name, the list of them. */
export const bench = (args) =>
  run(process.execPath, [join(top, 'packages/internal-benchmarks/dist/main.js'), ...args]);
