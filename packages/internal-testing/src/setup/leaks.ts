import { readFileSync } from 'node:fs';
import { ChildProcess } from 'node:child_process';
import { Server, Socket } from 'node:net';
import { processTree, signalTree } from '../services/process-tree.js';

/** What kept this process alive, and its child processes, at one moment. */
export interface Snapshot {
  /** How many of each type, as Node calls them: `Timeout`, `TCPSocketWrap`. What is unreferenced does not count. */
  readonly resources: ReadonlyMap<string, number>;
  readonly handles: ReadonlySet<unknown>;
  readonly children: ReadonlySet<number>;
}

// Taken before a spec can fake them.
const { setTimeout: realSetTimeout } = globalThis;
const now = performance.now.bind(performance);

export function snapshot(): Snapshot {
  const resources = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) {
    resources.set(type, (resources.get(type) ?? 0) + 1);
  }
  return { resources, handles: new Set(activeHandles()), children: new Set(children()) };
}

/**
 * What has been opened since `before` and is still open, one line each; empty when all is closed. A connection that is being
 * closed takes a moment, so it looks again until the deadline.
 */
export async function leaksSince(before: Snapshot, deadlineMs = 2_000): Promise<string[]> {
  const deadline = now() + deadlineMs;
  for (;;) {
    const after = snapshot();
    const leaks = compare(before, after);
    if (leaks.length === 0) return leaks;
    if (now() > deadline) {
      endChildren(before, after);
      return leaks;
    }
    await new Promise((done) => realSetTimeout(done, 10));
  }
}

function compare(before: Snapshot, after: Snapshot): string[] {
  const leaks: string[] = [];
  const described = [...after.handles].filter((one) => !before.handles.has(one)).map(describe);
  for (const [type, count] of after.resources) {
    const more = count - (before.resources.get(type) ?? 0);
    if (more > 0) leaks.push(`${more} × ${type}`);
  }
  // Only to explain: a handle that nothing waits for is no leak.
  if (leaks.length) leaks.push(...described.filter((line) => line !== undefined));
  for (const pid of after.children) {
    if (!before.children.has(pid)) leaks.push(`child process ${pid}: ${commandLine(pid)}`);
  }
  return leaks;
}

function describe(handle: unknown): string | undefined {
  if (handle instanceof Server) return `server on ${JSON.stringify(handle.address())}`;
  if (handle instanceof ChildProcess) return `process ${handle.pid}: ${handle.spawnargs.join(' ')}`;
  if (handle instanceof Socket && handle.remoteAddress) {
    return `socket :${handle.localPort} to ${handle.remoteAddress}:${handle.remotePort}`;
  }
  return undefined;
}

/** What leaked once must not disturb whatever runs next on this machine. */
function endChildren(before: Snapshot, after: Snapshot): void {
  for (const pid of after.children) {
    if (!before.children.has(pid)) signalTree(pid, 'SIGKILL');
  }
}

/** Not documented, and Node's own tools rely on it; without it the report says less and is as right. */
function activeHandles(): readonly unknown[] {
  const { _getActiveHandles } = process as { _getActiveHandles?: () => unknown[] };
  return _getActiveHandles?.call(process) ?? [];
}

function children(): number[] {
  return processTree(process.pid).filter((pid) => pid !== process.pid);
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return 'ended meanwhile';
  }
}
