import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pnpm } from './install.mjs';
import { Failure, run, top } from './shell.mjs';

/** The demonstration: what it prints, and its exit code, are its own. */
export function demo(args) {
  const path = join(top, 'examples/demo');
  if (!existsSync(path)) throw new Failure('There is no examples/demo to run.');
  return exitCodeOf(pnpm(['--silent', '--dir', path, 'run', 'demo', ...args]));
}

/** One benchmark by name: the result on standard output and nothing else. */
export const bench = (args) =>
  exitCodeOf(
    run(process.execPath, [join(top, 'packages/internal-benchmarks/dist/main.js'), ...args]),
  );

// A program has already said what was wrong.
const exitCodeOf = (running) =>
  running.then(
    () => 0,
    (error) => {
      if (error instanceof Failure) return error.exitCode;
      throw error;
    },
  );
