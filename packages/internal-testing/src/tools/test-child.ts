import { type ChildProcess, fork, type Serializable } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { closedAtEndOfFile } from '../fixtures/cleanup.js';
import { Guardian } from '../services/guardian.js';
import { TestingError } from '../testing.errors.js';
import { waitFor, type WaitOptions } from './wait-for.js';

/** How `spawnChild` starts a script. */
export interface SpawnChildOptions {
  /** Arguments of the script. */
  readonly args?: readonly string[];
  /** Added to our own environment; undefined takes a variable out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Options of node itself (`--expose-gc`). */
  readonly nodeArgs?: readonly string[];
  /** Working directory; ours by default. */
  readonly cwd?: string;
}

/** How a child ended: by itself with a code, or by a signal. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A Node process that a test talks to and kills. */
export class TestChild {
  /** What it wrote so far, standard output and error together, line by line. */
  readonly lines: string[] = [];
  /** What it sent with `process.send` and nobody received yet. */
  readonly messages: unknown[] = [];
  /** Resolves when it has ended; never rejects. */
  readonly exited: Promise<ChildExit>;
  private exit: ChildExit | undefined;

  /** @internal */
  constructor(
    private readonly file: string,
    private readonly child: ChildProcess,
  ) {
    child.on('message', (message) => this.messages.push(message));
    // A message sent to a child that has just ended; `exited` tells.
    child.on('error', () => {});
    for (const stream of [child.stdout, child.stderr] as Readable[]) {
      createInterface({ input: stream }).on('line', (line) => this.lines.push(line));
    }
    this.exited = new Promise((done) => {
      // `close`, not `exit`: then its last lines have been read.
      child.once('close', (code, signal) => {
        this.exit = { code, signal };
        done(this.exit);
      });
    });
  }

  /** Its process id; stays known after it has ended. */
  get pid(): number {
    return this.child.pid as number;
  }

  /** Sends an IPC message: `process.on('message')` in the child. */
  send(message: Serializable): void {
    if (!this.child.connected) throw this.ended('nothing can be sent to it');
    this.child.send(message);
  }

  /** Takes the next message that `accept` accepts (any by default), waiting for it. Rejects when the child ends first. */
  async receive<T = unknown>(
    accept: (message: T) => boolean = () => true,
    options?: WaitOptions,
  ): Promise<T> {
    const found = await this.orEnded(
      () => {
        const index = (this.messages as T[]).findIndex(accept);
        return index >= 0 && { message: this.messages.splice(index, 1)[0] as T };
      },
      { what: `a message from ${this.file}`, ...options },
    );
    return found.message;
  }

  /** The first line, already written or to come, that contains or matches `pattern`. Rejects when the child ends without. */
  async waitForLine(pattern: string | RegExp, options?: WaitOptions): Promise<string> {
    const matches = (line: string) =>
      typeof pattern === 'string' ? line.includes(pattern) : pattern.test(line);
    const found = await this.orEnded(
      () => {
        const line = this.lines.find(matches);
        return line !== undefined && { line };
      },
      { what: `the line ${String(pattern)} from ${this.file}`, ...options },
    );
    return found.line;
  }

  /** Sends a signal (`SIGKILL` by default) and resolves with how it ended. A frozen child heeds nothing but `SIGKILL`. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<ChildExit> {
    this.child.kill(signal);
    return this.exited;
  }

  /** Asks it to end (`SIGTERM`). Rejects with its last lines when it does not do so with code 0. */
  async leave(): Promise<void> {
    const { code } = await this.kill('SIGTERM');
    if (code !== 0) throw this.ended('asked to leave');
  }

  /** Stops it in its tracks (`SIGSTOP`): its connections stay open and nothing answers. */
  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  /** Lets it go on after `freeze()`. */
  thaw(): void {
    this.child.kill('SIGCONT');
  }

  private async orEnded<T>(look: () => T | false, options: WaitOptions): Promise<T> {
    let last: T | false = false;
    await waitFor(() => (last = look()) || this.exit !== undefined, { ...options }).catch(
      (error: unknown) => {
        throw TestingError.is(error) ? this.withOutput(error) : error;
      },
    );
    // It may have come together with the end.
    last ||= look();
    if (last === false) throw this.ended(`without ${options.what}`);
    return last;
  }

  private ended(what: string): TestingError {
    const how = this.exit?.signal ?? `exit code ${this.exit?.code}`;
    return this.withOutput(
      new TestingError('CHILD_ENDED', `${this.file} has ended (${how}), ${what}.`),
    );
  }

  private withOutput(error: TestingError): TestingError {
    const output = this.lines.slice(-20).join('\n');
    return new TestingError(error.code, `${error.message}\nIts last lines:\n${output}`, {
      cause: error.cause,
    });
  }
}

/**
 * Starts a script in a Node process of its own. It is killed at the end of the spec file if it has not ended before, and
 * when our own process ends, however that happens.
 */
export function spawnChild(file: string | URL, options: SpawnChildOptions = {}): TestChild {
  const { args = [], env, nodeArgs = [], cwd } = options;
  const path = file instanceof URL ? file.pathname : file;
  const child = fork(path, args, {
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    // Not ours: they are the test runner's.
    execArgv: [...nodeArgs],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'advanced',
  });
  const one = new TestChild(path, child);
  const guardian = new Guardian('kill -s KILL "$1"', [String(child.pid)]);
  const close = closedAtEndOfFile(async () => {
    await one.kill('SIGKILL');
    await guardian.dismiss();
  });
  // What has ended needs no closing.
  void one.exited.then(close);
  return one;
}
