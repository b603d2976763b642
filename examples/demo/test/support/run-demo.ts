import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Report } from '../../src/report/report.js';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The demo as users start it. */
export const demoFile = file('../../dist/main.js');
/** The demo with interference; its first argument says which. */
export const interferedDemo = file('./interfered-demo.mjs');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly pid: number;
  /** What it wrote to standard error so far. */
  readonly stderr: () => string;
  readonly ended: Promise<Ended>;
}

export function startDemo(script: string, args: readonly string[]): Running {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
  return {
    pid: child.pid as number,
    stderr: () => output.stderr,
    ended: new Promise((done) => child.once('close', (code) => done({ code, ...output }))),
  };
}

/** A whole run takes a quarter of a minute; it gives up by itself when nothing moves for half a minute. */
const LONGEST_MS = 100_000;

/**
 * Runs it to its end with `--json`; fails with all it wrote when that is not exactly one JSON object, and with where it
 * stood when it does not come to its end.
 */
export async function reportOf(
  script: string,
  ...args: string[]
): Promise<{ code: number | null; report: Report }> {
  const demo = startDemo(script, [...args, '--json']);
  // Killed, so that it does not remove what tells why.
  const late = setTimeout(() => process.kill(demo.pid, 'SIGKILL'), LONGEST_MS);
  const { code, stdout, stderr } = await demo.ended;
  clearTimeout(late);
  try {
    const report = JSON.parse(stdout) as Report;
    // Kept for people who ask what went wrong; here it was us.
    if (report.logFolder) rmSync(report.logFolder, { recursive: true });
    return { code, report };
  } catch (error) {
    const logs = logsOf(stderr);
    throw new Error(`exit code ${code}\n${stdout}\n${stderr}\n${logs}`, { cause: error });
  }
}

/** The last lines of every service, of a run that said where they are. */
function logsOf(stderr: string): string {
  const folder = /Its logs, [^:]+: (\S+)/.exec(stderr)?.[1];
  if (!folder || !existsSync(folder)) return '(no logs)';
  const logs = readdirSync(folder).map((name) => {
    const lines = readFileSync(join(folder, name), 'utf8').trimEnd().split('\n');
    return `${name}\n${lines.slice(-20).join('\n')}`;
  });
  rmSync(folder, { recursive: true });
  return logs.join('\n\n');
}
