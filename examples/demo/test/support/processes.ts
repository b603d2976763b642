import { readdirSync, readFileSync } from 'node:fs';

/** Living processes that a process has started, theirs included. */
export function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (/^\d+$/.test(name)) {
      const parent = parentOf(name);
      if (parent !== undefined) parents.set(Number(name), parent);
    }
  }
  const found = new Set<number>();
  const isBelow = (one: number): boolean => {
    const parent = parents.get(one);
    return parent !== undefined && (parent === pid || found.has(parent) || isBelow(parent));
  };
  for (const one of parents.keys()) if (isBelow(one)) found.add(one);
  return [...found];
}

export function isAlive(pid: number): boolean {
  return parentOf(String(pid)) !== undefined;
}

function parentOf(pid: string): number | undefined {
  try {
    // `pid (name) state ppid …`, where the name may hold spaces and parentheses; a zombie has ended.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').pop() as string;
    const [state, parent] = stat.split(' ');
    return state === 'Z' ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}
