import { withServices } from './services.mjs';
import { Failure, Interrupted, stopIfInterrupted } from './shell.mjs';

/**
 * Runs steps one after another, each to its end so that one run tells everything, and keeps the score.
 * A step counts as one check unless it gives `{ passed, failed }`.
 */
export class Steps {
  #rows = [];

  async run(name, work) {
    stopIfInterrupted();
    const started = performance.now();
    console.log(`\n=== ${name}`);
    const outcome = await Promise.resolve().then(work).catch(asFailedStep);
    const { passed = 1, failed = 0 } = outcome ?? {};
    this.#rows.push({ name, seconds: (performance.now() - started) / 1000, passed, failed });
  }

  /** Runs the steps of `use` with real servers; without servers they are not run, and that is a failure. */
  async withServices(use) {
    await withServices(async (env, nothingLeft) => {
      await use(env);
      await this.run('left behind', nothingLeft);
    }).catch((error) =>
      this.run('services', () => {
        throw error;
      }),
    );
  }

  /** Prints the table and the closing line that tools look for; gives the exit code. */
  report() {
    const sum = (key) => this.#rows.reduce((total, row) => total + row[key], 0);
    const total = {
      name: 'total',
      seconds: sum('seconds'),
      passed: sum('passed'),
      failed: sum('failed'),
    };
    const line = (name, ...cells) =>
      name.padEnd(14) + cells.map((cell) => String(cell).padStart(9)).join('');
    console.log(`\n${line('step', 'seconds', 'passed', 'failed')}`);
    for (const { name, seconds, passed, failed } of [...this.#rows, total]) {
      console.log(line(name, seconds.toFixed(1), passed, failed) + (failed ? '  FAILED' : ''));
    }
    return report(total);
  }
}

/** The closing line, alone on its line, and the exit code that goes with it. */
export function report({ passed, failed }) {
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function asFailedStep(error) {
  if (error instanceof Interrupted) throw error;
  console.error(error instanceof Failure ? error.message : error);
  return { passed: 0, failed: 1 };
}
