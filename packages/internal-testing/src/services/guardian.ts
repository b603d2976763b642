import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/** Standard input ends when whoever holds its other end is gone, however that happened, `kill -9` included. */
const WAIT = `trap '' HUP INT TERM; while read -r _; do :; done; cd /\n`;

/** A small shell process that cleans up when we are gone. */
export class Guardian {
  private readonly process: ChildProcess;

  /** `script` runs in `sh` with `args` as `$1`… when this process has ended, or on `release()`. */
  constructor(script: string, args: readonly string[], identity?: { uid: number; gid: number }) {
    this.process = spawn('sh', ['-c', WAIT + script, 'sh', ...args], {
      ...identity,
      // A session of its own: what ends our process group must not end the one that cleans up after it.
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.process.on('error', () => {});
    this.process.stdin?.on('error', () => {});
    // It waits for us, we do not wait for it.
    this.process.unref();
    (this.process.stdin as Socket).unref();
  }

  /** Runs the script now and waits for its end. */
  async release(): Promise<void> {
    const ended = this.ended();
    this.process.ref();
    this.process.stdin?.end();
    await ended;
  }

  /** Nothing is left to clean up: ends it without running the script. */
  async dismiss(): Promise<void> {
    const ended = this.ended();
    this.process.ref();
    this.process.kill('SIGKILL');
    await ended;
  }

  private ended(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) {
      return Promise.resolve();
    }
    return new Promise((done) => this.process.once('exit', () => done()));
  }
}
