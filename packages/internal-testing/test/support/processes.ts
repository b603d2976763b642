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

function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}
