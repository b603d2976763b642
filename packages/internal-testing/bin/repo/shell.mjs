import { spawn } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's top folder. */
export const top = resolve(dirname(fileURLToPath(import.meta.url)), '../../../..');

/** A step that failed and has already said why on its own output. */
export class Failure extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Runs a command with our terminal; rejects with `Failure` unless it exits with 0. */
export function run(command, args, { cwd = top, env, quiet = false } = {}) {
  return new Promise((done, fail) => {
    const chunks = [];
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
    });
    // A terminal sends Ctrl-C to the whole group, a supervisor only to us: pass it on and wait for the child's own clean-up.
    const forward = (signal) => child.kill(signal);
    process.on('SIGINT', forward).on('SIGTERM', forward);
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.stderr?.on('data', (chunk) => chunks.push(chunk));
    child.on('error', fail);
    child.on('exit', (code, signal) => {
      process.off('SIGINT', forward).off('SIGTERM', forward);
      if (code === 0) return done();
      if (quiet) process.stderr.write(Buffer.concat(chunks));
      fail(
        new Failure(
          `${[command, ...args].join(' ')} ${signal ? `was ended by ${signal}` : `exited with ${code}`}`,
          code ?? 1,
        ),
      );
    });
  });
}
