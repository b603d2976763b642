import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../src/tools/wait-for.js';
import { Failure, run, top } from '../../bin/repo/shell.mjs';

const node = process.execPath;
const shell = join(top, 'packages/internal-testing/bin/repo/shell.mjs');
const folders: string[] = [];
const scratch = () => {
  folders.push(mkdtempSync(join(tmpdir(), 'acme-shell-')));
  return folders.at(-1) as string;
};

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const alive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const read = (file: string) => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

// Starts a child of its own that ignores interrupts, writes its id to a file, and stays.
const stubborn = (file: string) => `
  const { spawn } = require('node:child_process');
  const idle = 'process.on("SIGINT", () => {}); setInterval(() => {}, 1000)';
  const child = spawn(process.execPath, ['-e', idle], { stdio: 'ignore' });
  require('node:fs').writeFileSync(${JSON.stringify(file)}, String(child.pid));`;

describe('run', () => {
  it('rejects with what the command did', async () => {
    await expect(run(node, ['-e', 'process.exit(3)'])).rejects.toThrow(/exited with 3$/);
    await expect(run(node, ['-e', 'process.exit(3)'])).rejects.toMatchObject({ exitCode: 3 });
    await expect(run(node, ['-e', 'process.kill(process.pid, "SIGKILL")'])).rejects.toThrow(
      /was ended by SIGKILL$/,
    );
    await expect(run('/no/such/command', [])).rejects.toThrow('ENOENT');
  });

  it('ends what takes too long, with everything it started', async () => {
    const file = join(scratch(), 'pid');
    const running = run(node, ['-e', `${stubborn(file)} setInterval(() => {}, 1000)`], {
      limitMs: 1_500,
    });
    await expect(running).rejects.toThrow(/did not end within 1.5 s$/);
    await waitFor(() => !alive(Number(read(file))));
  });

  it('fails a command that leaves a process behind, names the process, and ends it', async () => {
    const file = join(scratch(), 'pid');
    const failure = await run(node, ['-e', `${stubborn(file)} child.unref()`], {
      leavesNothing: true,
    }).catch((error: unknown) => error as Failure);
    expect(failure).toBeInstanceOf(Failure);
    expect((failure as Failure).message).toContain('left processes behind');
    expect((failure as Failure).message).toContain(`${read(file)} ${node}`);
    await waitFor(() => !alive(Number(read(file))));
  }, 20_000);
});

describe('an interrupt', () => {
  // Runs a command that needs a moment to clean up, as a root script does; it says so by files.
  function script(folder: string, signal: string): string {
    const command = `
      process.on('${signal}', () => setTimeout(() => {
        require('node:fs').writeFileSync('cleaned', '');
        process.exit(0);
      }, 200));
      setInterval(() => {}, 1000);
      require('node:fs').writeFileSync('ready', '');`;
    return `
      import { catchInterrupts, run } from ${JSON.stringify(shell)};
      catchInterrupts();
      try {
        await run(process.execPath, ['-e', ${JSON.stringify(command)}], { cwd: ${JSON.stringify(folder)} });
      } catch (error) {
        process.exitCode = error.exitCode;
      }`;
  }

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'by %s reaches the command, waits for its clean-up, and ends us with the usual code',
    async (signal, code) => {
      const folder = scratch();
      const ours = spawn(node, ['--input-type=module', '-e', script(folder, signal)]);
      const ended = new Promise((done) => ours.on('exit', done));
      await waitFor(() => existsSync(join(folder, 'ready')));
      ours.kill(signal);
      expect(await ended).toBe(code);
      expect(existsSync(join(folder, 'cleaned'))).toBe(true);
    },
  );

  it('is also the end of whoever started us', async () => {
    const folder = scratch();
    const starter = spawn(node, [
      '-e',
      `const { spawn } = require('node:child_process');
       spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(script(folder, 'SIGTERM'))}]);`,
    ]);
    await waitFor(() => existsSync(join(folder, 'ready')));
    starter.kill('SIGKILL');
    await waitFor(() => existsSync(join(folder, 'cleaned')));
    expect(existsSync(join(folder, 'cleaned'))).toBe(true);
  });
});
