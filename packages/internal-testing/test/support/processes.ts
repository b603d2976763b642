import { readFileSync, readdirSync } from 'node:fs';

/** True while the process runs; a zombie has ended. */
export function isRunning(pid: number): boolean {
  return /^State:\s+[^ZX]/m.test(read(pid, 'status'));
}

/** The running processes that mention a folder in their command line or environment: they belong to it, whoever adopted them. */
export function processesUnder(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && isRunning(pid))
    .filter((pid) => `${read(pid, 'cmdline')}${read(pid, 'environ')}`.includes(`${folder}/acme-`));
}

/** Shared memory segments (System V) that one of these processes created; they survive a process that is killed. */
export function sharedMemoryOf(pids: readonly number[]): string[] {
  const [, ...segments] = readFileSync('/proc/sysvipc/shm', 'utf8').trim().split('\n');
  return segments.filter((line) => pids.includes(Number(line.trim().split(/\s+/)[4])));
}

function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}
