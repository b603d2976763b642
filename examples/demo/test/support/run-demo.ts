import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
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

/** Runs it to its end with `--json`; fails with all it wrote when that is not exactly one JSON object. */
export async function reportOf(
  script: string,
  ...args: string[]
): Promise<{ code: number | null; report: Report }> {
  const { code, stdout, stderr } = await startDemo(script, [...args, '--json']).ended;
  try {
    const report = JSON.parse(stdout) as Report;
    // Kept for people who ask what went wrong; here it was us.
    if (report.logFolder) rmSync(report.logFolder, { recursive: true });
    return { code, report };
  } catch (error) {
    throw new Error(`exit code ${code}\n${stdout}\n${stderr}`, { cause: error });
  }
}
