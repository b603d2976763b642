import { createHook } from 'node:async_hooks';

const TYPES = new Set([
  'Timeout',
  'TCPWRAP',
  'TCPSERVERWRAP',
  'PIPEWRAP',
  'PROCESSWRAP',
  'UDPWRAP',
]);

/**
 * Remembers where timers, sockets, servers and processes are created, for those who hunt a leak. Not always on: a hook makes
 * every promise slower.
 */
export function recordCreationSites(): () => string[] {
  const alive = new Map<number, { type: string; resource: WeakRef<object>; stack: string }>();
  createHook({
    init(id, type, _trigger, resource) {
      if (!TYPES.has(type)) return;
      alive.set(id, { type, resource: new WeakRef(resource), stack: new Error().stack ?? '' });
    },
    destroy(id) {
      alive.delete(id);
    },
  }).enable();
  return () =>
    [...alive.values()]
      .filter(
        ({ resource, stack }) => keepsAlive(resource.deref()) && !stack.includes('leaksSince'),
      )
      .map(({ type, stack }) => `${type} created\n${ownLines(stack)}`);
}

function keepsAlive(resource: object | undefined): boolean {
  return (resource as { hasRef?: () => boolean } | undefined)?.hasRef?.() ?? false;
}

/** The lines of code that somebody here can change. */
function ownLines(stack: string): string {
  return stack
    .split('\n')
    .slice(1)
    .filter((line) => !/node:|creation-sites|node_modules\/\.pnpm\/(@?vitest|vite)/.test(line))
    .slice(0, 8)
    .join('\n');
}
