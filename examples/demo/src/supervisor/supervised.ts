import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { fileURLToPath } from 'node:url';

const GRACE_MS = 10_000;
const PAUSE_MS = 250;
/** Exits one after another, none of them our doing, before we stop trying. */
const MAX_FRUITLESS = 5;
/** Loaded into every service: it does not outlive us, not even when we are killed. Listening must not keep it alive. */
const EXIT_WITH_PARENT = `data:text/javascript,
  process.on('disconnect', () => process.exit(1));
  process.channel.unref();`.replaceAll(/\s+/g, ' ');
const examples = new URL('../../../', import.meta.url);

export interface ServiceSpec {
  /** Its folder under `examples/`. */
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
}

/** One service, kept running as an orchestrator would. */
export class Supervised {
  restarts = 0;
  /** Why it is not started again any more. */
  gaveUp: string | undefined;
  private readonly log: WriteStream;
  private child: ChildProcess | undefined;
  private ended: Promise<void> = Promise.resolve();
  private stopping = false;
  private fruitless = 0;
  private pause: NodeJS.Timeout | undefined;
  private tail: string[] = [];

  constructor(
    private readonly spec: ServiceSpec,
    readonly logFile: string,
    private readonly onRestart: (text: string) => void,
  ) {
    this.log = createWriteStream(logFile, { flags: 'a' });
  }

  get name(): string {
    return this.spec.name;
  }

  start(): void {
    const child = spawn(process.execPath, ['--import', EXIT_WITH_PARENT, 'dist/main.js'], {
      cwd: fileURLToPath(new URL(this.name, examples)),
      env: { ...process.env, NODE_ENV: 'production', ...this.spec.env },
      // A process group of its own: Ctrl-C in a terminal reaches us only, and we end it in order.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => this.write(chunk));
    child.on('error', (error) => this.write(Buffer.from(`${error.message}\n`)));
    this.ended = new Promise((done) => {
      child.once('close', (code, signal) => {
        this.child = undefined;
        done();
        this.endedWith(signal ?? `exit code ${code}`);
      });
    });
  }

  /** It does its work: from here on an exit is an accident and not a service that cannot start. */
  markReady(): void {
    this.fruitless = 0;
  }

  /** `kill -9`. Resolves when it is gone. */
  async kill(): Promise<void> {
    const { ended } = this;
    this.child?.kill('SIGKILL');
    await ended;
  }

  /** Asks it to end, and makes it end when it does not. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.pause);
    this.child?.kill('SIGTERM');
    const force = setTimeout(() => this.child?.kill('SIGKILL'), GRACE_MS);
    await this.ended;
    clearTimeout(force);
    if (!this.log.writableEnded) await new Promise<void>((done) => this.log.end(done));
  }

  private endedWith(how: string): void {
    if (this.stopping) return;
    this.fruitless += 1;
    if (this.fruitless >= MAX_FRUITLESS) {
      this.gaveUp = `${this.name} ended ${this.fruitless} times in a row (${how}). Its last lines:\n${this.tail.join('\n')}`;
      return;
    }
    this.restarts += 1;
    this.onRestart(`${this.name} ended with ${how}: restart ${this.restarts}`);
    this.pause = setTimeout(() => this.start(), PAUSE_MS);
  }

  private write(chunk: Buffer): void {
    if (!this.log.writableEnded) this.log.write(chunk);
    this.tail = [...this.tail, ...chunk.toString().trimEnd().split('\n')].slice(-15);
  }
}
