import { execFile, spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The repository's top folder. */
export const top = resolve(dirname(fileURLToPath(import.meta.url)), '../../../..');

/** A step that failed and has already said why on its own output. */
export class Failure extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Somebody wants us to stop: nothing more is started, and everything started is taken away. */
export class Interrupted extends Error {
  constructor(signal) {
    super(`Interrupted by ${signal}.`);
    this.exitCode = signal === 'SIGINT' ? 130 : 143;
  }
}

const GRACE_MS = 10_000;
const LEAVING_MS = 3_000;
const groups = new Set();
let interruptedBy;

/** From here on an interrupt ends what `run` started, lets every `finally` clean up, and only then ends us. */
export function catchInterrupts() {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt);
  // Who ends npm may end only npm, or the shell that it runs us in.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    interrupt('SIGTERM');
  }, 500).unref();
}

function interrupt(signal) {
  // Who asks twice has waited long enough.
  const force = interruptedBy !== undefined;
  interruptedBy = signal;
  for (const group of groups) kill(group, force ? 'SIGKILL' : signal);
  setTimeout(() => [...groups].forEach((group) => kill(group, 'SIGKILL')), GRACE_MS).unref();
}

/** Throws `Interrupted` once somebody asked us to stop; for work that starts no process of its own. */
export function stopIfInterrupted() {
  if (interruptedBy) throw new Interrupted(interruptedBy);
}

/**
 * Runs a command and rejects with `Failure` unless it exits with 0.
 *
 * The command leads a process group of its own, so that an interrupt, which a terminal sends to a group and a
 * supervisor to us alone, reaches it and everything it started exactly once, and nothing survives it.
 *
 * - `output`: `inherit` (default), `stderr` (its standard output goes to ours, for what may not mix with a JSON result),
 *   `quiet` (shown when it fails).
 * - `limitMs`: how long it may take before it is ended and counts as failed.
 * - `leavesNothing`: a process that outlives the command is a failure too.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, output?: 'inherit' | 'stderr' | 'quiet', limitMs?: number, leavesNothing?: boolean }} options
 */
export async function run(
  command,
  args,
  { cwd = top, env, output = 'inherit', limitMs, leavesNothing = false } = {},
) {
  stopIfInterrupted();
  const chunks = [];
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: { inherit: ['ignore', 1, 2], stderr: ['ignore', 2, 2] }[output] ?? [
      'ignore',
      'pipe',
      'pipe',
    ],
  });
  child.stdout?.on('data', (chunk) => chunks.push(chunk));
  child.stderr?.on('data', (chunk) => chunks.push(chunk));
  const title = [command, ...args].join(' ');
  try {
    const outcome = await ending(child, limitMs);
    if (leavesNothing && outcome === undefined) await expectGone(child.pid, title);
    stopIfInterrupted();
    if (outcome === undefined) return;
    process.stderr.write(Buffer.concat(chunks));
    throw new Failure(`${title} ${outcome}`, child.exitCode ?? 1);
  } finally {
    // A package manager dies of an interrupt at once; what it ran may still be cleaning up.
    if (interruptedBy) await gone(child.pid, GRACE_MS);
    kill(child.pid, 'SIGKILL');
    groups.delete(child.pid);
  }
}

/** What a command prints; for short commands that are not expected to fail. */
export const capture = async (command, args, options) =>
  (await promisify(execFile)(command, args, { cwd: top, ...options })).stdout;

/** How the child ended, in words; `undefined` when it succeeded. */
function ending(child, limitMs) {
  return new Promise((done, fail) => {
    let late = false;
    const limit = setTimeout(
      () => {
        late = true;
        kill(child.pid, 'SIGKILL');
      },
      limitMs ?? 2 ** 31 - 1,
    );
    child.on('spawn', () => groups.add(child.pid));
    child.on('error', (error) => {
      clearTimeout(limit);
      fail(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      if (late) done(`did not end within ${limitMs / 1000} s`);
      else if (signal) done(`was ended by ${signal}`);
      else done(code === 0 ? undefined : `exited with ${code}`);
    });
  });
}

async function expectGone(group, title) {
  if (await gone(group, LEAVING_MS)) return;
  throw new Failure(`${title} left processes behind:\n${members(group).join('\n')}`);
}

async function gone(group, withinMs) {
  const deadline = Date.now() + withinMs;
  while (kill(group, 0) && Date.now() < deadline) await new Promise((next) => setTimeout(next, 50));
  return !kill(group, 0);
}

/** Signals a whole process group; false when there is nobody left in it. */
function kill(group, signal) {
  if (group === undefined) return false;
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}

function members(group) {
  const read = (pid, file) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8');
    } catch {
      return '';
    }
  };
  const ids = process.platform === 'linux' ? readdirSync('/proc').filter(Number) : [];
  return ids
    .filter((pid) => read(pid, 'stat').split(') ').pop().split(' ')[2] === String(group))
    .map((pid) => `  ${pid} ${read(pid, 'cmdline').replaceAll('\0', ' ')}`);
}
