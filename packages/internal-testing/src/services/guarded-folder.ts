import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { TestingError } from '../testing.errors.js';
import type { Command } from './contracts.js';
import { Guardian } from './guardian.js';

/**
 * Ends the processes whose groups stand in `<folder>/*.pid`, and those at home in the folder, should somebody have removed
 * it already; removes the folder.
 */
const CLEAN_UP = `
groups="$(cat "$1"/*.pid 2>/dev/null) $(find /proc/[0-9]*/cwd -maxdepth 0 -lname "$1*" 2>/dev/null | cut -d/ -f3)"
for signal in "$2" CONT; do for group in $groups; do kill -s "$signal" -- "-$group"; done; done
for _ in $(seq 30); do
  alive=
  for group in $groups; do kill -s 0 -- "-$group" && alive=yes; done
  [ -z "$alive" ] && break
  sleep 0.1
done
for group in $groups; do kill -s KILL -- "-$group"; done
rm -rf "$1"
`;

/** Writes its own process group down before it becomes the command, so that the guardian knows it from the start. */
const LAUNCH = 'echo $$ > "$1" && shift && exec "$@"';

/** A process of an instance. */
export interface GuardedProcess {
  readonly pid: number;
  /** Resolves when the process has ended: `exit code 1` or `SIGKILL`. */
  readonly ended: Promise<string>;
  /** True until it has ended. */
  readonly running: boolean;
}

/** A temporary folder, and processes in it, that do not outlive this process. */
export class GuardedFolder {
  readonly path: string;
  readonly logFile: string;
  private readonly guardian: Guardian;

  constructor(
    private readonly name: string,
    private readonly identity: Identity | undefined,
    abruptSignal: NodeJS.Signals,
  ) {
    this.path = mkdtempSync(join(identity ? sharedTemporaryFolder() : tmpdir(), `acme-${name}-`));
    this.logFile = join(this.path, 'output.log');
    if (identity) chownSync(this.path, identity.uid, identity.gid);
    this.guardian = new Guardian(CLEAN_UP, [this.path, abruptSignal.slice(3)], identity);
  }

  /** Starts a command in a process group of its own; its output goes to `logFile`. */
  start(name: string, command: Command): GuardedProcess {
    const log = openSync(this.logFile, 'a');
    const child = spawn(
      'sh',
      ['-c', LAUNCH, 'sh', join(this.path, `${name}.pid`), command.file, ...command.args],
      { ...this.spawnOptions(command.env), stdio: ['ignore', log, log] },
    );
    closeSync(log);
    if (child.pid === undefined) {
      child.on('error', () => {});
      throw new TestingError('PROCESS_NOT_STARTED', `${command.file} could not be started.`);
    }
    const state = { running: true };
    const ended = once(child, 'exit').then(([code, signal]: unknown[]) => {
      state.running = false;
      return typeof signal === 'string' ? signal : `exit code ${String(code)}`;
    });
    return {
      pid: child.pid,
      ended,
      get running() {
        return state.running;
      },
    };
  }

  /** Runs a command to its end; rejects with the end of the log unless it exits with 0. */
  async run(name: string, command: Command): Promise<void> {
    const outcome = await this.start(name, command).ended;
    rmSync(join(this.path, `${name}.pid`), { force: true });
    if (outcome === 'exit code 0') return;
    throw new TestingError(
      'COMMAND_FAILED',
      `${this.name}: ${name} ended with ${outcome}:\n${this.tail()}`,
    );
  }

  /** The last lines that the processes wrote. */
  tail(lines = 15): string {
    return readFileSync(this.logFile, { encoding: 'utf8', flag: 'a+' })
      .trimEnd()
      .split('\n')
      .slice(-lines)
      .join('\n');
  }

  /** Removes the folder. All processes must have ended. */
  async remove(): Promise<void> {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 10 });
    await this.guardian.dismiss();
  }

  private spawnOptions(env: Readonly<Record<string, string>> = {}) {
    return {
      cwd: this.path,
      detached: true,
      env: {
        PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`,
        HOME: this.path,
        LANG: 'C.UTF-8',
        ...env,
      },
      ...this.identity,
    };
  }
}

/** The temporary folder, unless it is root's own: then other users may not enter it, and the servers are other users. */
function sharedTemporaryFolder(): string {
  const folder = resolve(tmpdir());
  const ENTER_AND_WRITE = 0o1003;
  const shared =
    (statSync(folder).mode & ENTER_AND_WRITE) === ENTER_AND_WRITE &&
    ancestorsOf(folder).every((one) => statSync(one).mode & 0o001);
  return shared ? folder : '/tmp';
}

function ancestorsOf(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [] : [parent, ...ancestorsOf(parent)];
}

/** A system user to run as. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** The user to run servers as: `name` when we are root and it exists, ourselves otherwise. */
export function identityOf(name: string): Identity | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [user, , uid, gid] = line.split(':');
    if (user === name) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new TestingError(
    'NO_SUCH_USER',
    `This machine has no user "${name}", as which the server is run when we are root. Create it, or run as another user than root.`,
  );
}
