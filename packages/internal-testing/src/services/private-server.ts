import { connect } from 'node:net';
import { closedAtEndOfFile } from '../fixtures/cleanup.js';
import { TestingError, reason } from '../testing.errors.js';
import type { Place, PrivateRecipe, ServerKind } from './contracts.js';
import { freePorts } from './free-ports.js';
import { GuardedFolder, type GuardedProcess, identityOf } from './guarded-folder.js';
import { lives, processTree, signalTree } from './process-tree.js';

const START_DEADLINE_MS = 60_000;
const HALT_DEADLINE_MS = 30_000;

/** A server of our own, run from installed binaries on free loopback ports and in a temporary folder. */
export class PrivateServer {
  readonly url: string;
  readonly port: number;
  /** Its addresses by environment variable: `url` and, for RabbitMQ, the management API. */
  readonly env: Readonly<Record<string, string>>;
  private running: { name: string; process: GuardedProcess }[] = [];

  private constructor(
    private readonly definition: ServerKind,
    private readonly recipe: PrivateRecipe,
    private readonly place: Place,
    private readonly folder: GuardedFolder,
  ) {
    this.env = recipe.addresses(place);
    this.url = this.env[definition.variable] as string;
    this.port = place.ports[0] as number;
  }

  /** @internal Creates and starts one. A port that was taken in the meantime costs one more attempt. */
  static async start(
    definition: ServerKind,
    recipe: PrivateRecipe,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<PrivateServer> {
    for (let attempt = 1; ; attempt++) {
      const folder = new GuardedFolder(
        definition.name,
        identityOf(recipe.user),
        recipe.abruptSignal,
      );
      const ports = await freePorts(recipe.ports);
      const place = { folder: folder.path, ports, settings };
      const server = new PrivateServer(definition, recipe, place, folder);
      try {
        for (const command of await recipe.prepare(place)) await folder.run('prepare', command);
        await server.launch();
        return server;
      } catch (error) {
        const taken = /address already in use|eaddrinuse/i.test(folder.tail(100));
        // What went wrong first is what counts.
        await server.stop().catch(() => {});
        if (!taken || attempt === 3) throw error;
      }
    }
  }

  /** The server's process; another one after `restart()`. */
  get pid(): number {
    return this.main().pid;
  }

  /** The last lines that the server wrote. */
  output(lines = 50): string {
    return this.folder.tail(lines);
  }

  /** Stops the server as an operator would; its data, port and folder stay. */
  async halt(): Promise<void> {
    await this.end(this.recipe.gracefulSignal, HALT_DEADLINE_MS);
  }

  /** Starts it again on the same port and data, after halting it if it runs. Resolves when it answers. */
  async restart(): Promise<void> {
    await this.halt();
    await this.launch();
  }

  /**
   * Sends a signal to the server and all its processes at once: `SIGKILL` is a power failure (resolves when it has ended),
   * `SIGSTOP` freezes it (connections stay open and nothing answers) until `SIGCONT`.
   */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const { pid, running, ended } = this.main();
    const tree = running ? processTree(pid) : [];
    if (running) signalTree(pid, signal);
    if (signal !== 'SIGKILL') return;
    await ended;
    // PostgreSQL does not start again while one of its backends still holds the shared memory.
    while (tree.some(lives)) await new Promise((done) => setTimeout(done, 5));
  }

  /** Runs the server's own command-line tool (`rabbitmqctl`) against this instance. */
  async control(...args: string[]): Promise<void> {
    const command = this.recipe.control?.(this.place, args);
    if (!command) {
      throw new TestingError(
        'NO_CONTROL_TOOL',
        `${this.definition.label} has no control tool here; use a client on ${this.url}.`,
      );
    }
    await this.folder.run('control', command);
  }

  /** Ends it for good and removes its folder; done at the end of the spec file if not before. */
  readonly stop = closedAtEndOfFile(async () => {
    await this.end(this.recipe.abruptSignal, 5_000);
    const cleanUp = this.recipe.cleanUp?.(this.place);
    if (cleanUp) await this.folder.run('clean-up', cleanUp);
    await this.folder.remove();
  });

  private main(): GuardedProcess {
    const last = this.running.at(-1);
    if (last) return last.process;
    throw new TestingError('SERVER_NOT_RUNNING', `${this.definition.label} was never started.`);
  }

  private async launch(): Promise<void> {
    this.running = [];
    for (const { name, companionPort, ...command } of this.recipe.processes(this.place)) {
      const process = this.folder.start(name, command);
      this.running.push({ name, process });
      await this.untilUp(process, () =>
        companionPort === undefined
          ? this.definition.ping(this.url, 2_000)
          : answers(companionPort),
      );
    }
  }

  private async untilUp(process: GuardedProcess, probe: () => Promise<unknown>): Promise<void> {
    const deadline = Date.now() + START_DEADLINE_MS;
    for (;;) {
      const failure = await probe().then(
        () => undefined,
        (error: unknown) => reason(error),
      );
      if (failure === undefined) return;
      if (!process.running || Date.now() > deadline) {
        const how = process.running
          ? `does not answer (${failure})`
          : `ended with ${await process.ended}`;
        throw new TestingError(
          'SERVER_NOT_STARTED',
          `${this.definition.label} ${how}. It wrote:\n${this.folder.tail()}`,
        );
      }
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  /** Ends the processes in reverse order; one that does not obey in time is killed. */
  private async end(signal: NodeJS.Signals, deadlineMs: number): Promise<void> {
    for (const { process } of this.running.toReversed()) {
      if (!process.running) continue;
      // A frozen process heeds nothing but SIGKILL until it is continued.
      signalTree(process.pid, 'SIGCONT');
      signalGroup(process.pid, signal);
      const timer = setTimeout(() => signalTree(process.pid, 'SIGKILL'), deadlineMs);
      await process.ended;
      clearTimeout(timer);
    }
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function answers(port: number): Promise<void> {
  return new Promise((done, fail) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.destroy();
      done();
    });
  });
}
