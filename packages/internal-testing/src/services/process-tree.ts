import { existsSync, readFileSync, readdirSync } from 'node:fs';

/**
 * `pid` and all its living descendants, from /proc. A process group is not enough: PostgreSQL puts every backend into a
 * session of its own. Where there is no /proc, `pid` alone.
 */
export function processTree(pid: number): number[] {
  if (!existsSync('/proc/self/stat')) return [pid];
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? parentOf(name) : undefined;
    if (parent === undefined) continue;
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = [];
  const visit = (one: number): void => {
    found.push(one);
    children.get(one)?.forEach(visit);
  };
  visit(pid);
  return found;
}

/** Sends a signal to `pid` and all its descendants; those that are gone already are passed over. */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  for (const one of processTree(pid)) {
    try {
      process.kill(one, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Whether a process of this number lives; a zombie does not. */
export function lives(pid: number): boolean {
  if (existsSync('/proc/self/stat')) return parentOf(String(pid)) !== undefined;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function parentOf(pid: string): number | undefined {
  try {
    // `pid (name) state ppid …`, where the name may hold spaces and parentheses; a zombie has ended.
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .split(') ')
      .pop()!
      .split(' ');
    return state === 'Z' ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}
