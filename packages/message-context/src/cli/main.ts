import { EXIT } from './cli.errors.js';
import type { CommonValues } from './options.js';
import type { Opened, Program } from './program.js';
import { run } from './run.js';

/**
 * The whole of a process: runs what its arguments ask for and sets its exit code.
 *
 * @param exit ends the process; called only where something keeps it alive: then a job of a deployment would never end
 */
export async function main<Values extends CommonValues, Store extends Opened>(
  program: Program<Values, Store>,
  exit: () => void,
): Promise<void> {
  // Nobody reads any more: whoever writes is told.
  process.stdout.on('error', () => {});
  // What is loaded can end the process, or wait for ever: that is no success of ours.
  const lost = (): void => {
    const message = `${program.name} has no answer: what was loaded has ended the process, or waits for something that does not come. Name a module that does neither when it is loaded.`;
    const isJson = process.argv.includes('--json');
    const error = { code: 'ENDED', message };
    process.stderr.write(`${isJson ? JSON.stringify({ error }) : message}\n`);
    process.exitCode = EXIT.failed;
  };
  process.once('exit', lost);
  process.exitCode = await run(program, process.argv.slice(2), {
    cwd: process.cwd(),
    out: (text) =>
      new Promise((done, fail) => {
        process.stdout.write(text, (error) => (error ? fail(error) : done()));
      }),
    err: (text) => void process.stderr.write(text),
  });
  process.off('exit', lost);
  setTimeout(() => {
    process.stderr.write(
      `${program.name} is done, and something that ${program.opener ?? 'the file of --config'} opened is still open: it is left behind. Export a close() that ends it.\n`,
    );
    exit();
  }, 2_000).unref();
}
