import { TestingError } from '@acme/internal-testing/services';
import { setMaxListeners } from 'node:events';
import { readOptions, usage, type DemoOptions } from './options.js';
import { Progress } from './progress.js';
import { exitCodeOf } from './report/report.js';
import { tableOf } from './report/table.js';
import { Run, type Interference } from './run.js';
import { DemoFailure } from './until.js';
import { removeLogs, withWorld } from './world/world.js';

const INTERRUPTED = 130;
const PATIENCE_MS = 30_000;

/**
 * The whole program: reads the arguments, runs the shop, prints the report. Resolves with the exit code, when everything
 * that was started for it has ended.
 */
export async function demo(args: readonly string[], interference?: Interference): Promise<number> {
  const interrupt = new AbortController();
  // Every request and every wait listens to it.
  setMaxListeners(0, interrupt.signal);
  const onSignal = (): void => {
    // Who asks twice has waited long enough; servers and services notice by themselves that we are gone.
    if (interrupt.signal.aborted) process.exit(INTERRUPTED);
    interrupt.abort();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  signals.forEach((signal) => process.on(signal, onSignal));
  try {
    const options = readOptions(args);
    if (options === 'help') {
      process.stdout.write(`${usage}\n`);
      return 0;
    }
    return await tell(options, interrupt.signal, interference);
  } catch (error) {
    if (interrupt.signal.aborted) {
      process.stderr.write('\nInterrupted; everything that was started has been stopped.\n');
      return INTERRUPTED;
    }
    if (!(error instanceof DemoFailure || TestingError.is(error))) throw error;
    process.stderr.write(`\n${error.message}\n`);
    return 1;
  } finally {
    signals.forEach((signal) => process.off(signal, onSignal));
  }
}

async function tell(
  options: DemoOptions,
  signal: AbortSignal,
  interference?: Interference,
): Promise<number> {
  const progress = new Progress();
  const say = (line: string): void => progress.say(line);
  const report = await withWorld(say, signal, async (world) => {
    const patience = { deadlineMs: interference?.patienceMs ?? PATIENCE_MS, signal };
    const run = await Run.in(world, options, progress, patience);
    try {
      const found = await run.report(interference);
      if (exitCodeOf(found) === 0) removeLogs(world);
      return found;
    } catch (error) {
      // Whoever interrupts it wants nothing more from it.
      if (signal.aborted) removeLogs(world);
      else say(`The logs of the services: ${world.logFolder}`);
      throw error;
    }
  });
  process.stdout.write(`${options.json ? JSON.stringify(report) : tableOf(report)}\n`);
  return exitCodeOf(report);
}
