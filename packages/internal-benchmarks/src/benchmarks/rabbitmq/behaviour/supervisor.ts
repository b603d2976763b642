import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { programFile } from '../../../measure/child.js';
import type { Place } from './contestant.js';
import type { ContestantName } from './contestants.js';

/** How a process ended: its exit code or the signal. */
export type Ending = number | NodeJS.Signals | null;

/** How long a process may take to end when it is told to; orchestrators give 30 s as a rule. */
const TO_END_MS = 20_000;

/** Runs a contestant as an orchestrator does: what ends by itself is started again. */
export class Supervisor {
  /** How its processes ended that nobody had told to. */
  readonly crashes: Ending[] = [];
  #child: ChildProcess | undefined;
  #isWanted = false;

  constructor(
    private readonly name: ContestantName,
    private readonly place: Place,
    private readonly ledger: string,
  ) {}

  /** Resolves when it says that it is ready. */
  async start(): Promise<void> {
    this.#isWanted = true;
    const child = this.#run();
    await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => {
        throw new Error(`${this.name} ended before it was ready.`);
      }),
    ]);
  }

  /** Tells it to end and waits for that; what does not is killed. Gives how it ended, and how long that took. */
  async stop(): Promise<{ readonly ending: Ending; readonly ms: number }> {
    this.#isWanted = false;
    const child = this.#child;
    if (!child || hasEnded(child)) return { ending: null, ms: 0 };
    const start = performance.now();
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), TO_END_MS);
    await ended;
    clearTimeout(timer);
    return { ending: endingOf(child), ms: performance.now() - start };
  }

  #run(): ChildProcess {
    const args = [this.name, JSON.stringify(this.place), this.ledger];
    const child = fork(programFile('rabbitmq/behaviour/program.js'), args, {
      // What libraries say is not what they do.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child = child;
    child.once('exit', () => {
      if (!this.#isWanted) return;
      this.crashes.push(endingOf(child));
      this.#run();
    });
    return child;
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

const endingOf = ({ exitCode, signalCode }: ChildProcess): Ending => signalCode ?? exitCode;
