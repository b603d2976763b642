import type { Task } from './task.js';

/** What a handler did, as it wrote it down then. */
export interface Entry {
  /** Unix milliseconds. */
  readonly at: number;
  readonly pid: number;
  readonly what: 'began' | 'did' | 'acked';
  readonly id: string;
}

export const lineOf = ({ at, pid, what, id }: Entry): string => `${at} ${pid} ${what} ${id}\n`;

/** What handlers wrote, in that order; a line that is still being written is left out. */
export function entriesOf(text: string): Entry[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => {
    const [at, pid, what, id] = line.split(' ');
    return { at: Number(at), pid: Number(pid), what: what as Entry['what'], id: id as string };
  });
}

/** How often each was done. */
function timesDone(entries: readonly Entry[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const { what, id } of entries) if (what === 'did') times.set(id, (times.get(id) ?? 0) + 1);
  return times;
}

/** What became of the messages that were sent. */
export interface Account {
  /** Done at least once. */
  readonly handled: number;
  /** Neither done nor in any queue. */
  readonly lost: number;
  /** Done beyond the first time. */
  readonly duplicated: number;
  /** In the dead-letter queue. */
  readonly parked: number;
  /** In any other queue, done or not, when all was over. */
  readonly left: number;
}

/** The ids that were sent, what was done, and the ids that were found in queues when the last consumer had ended. */
export function accountOf(
  sent: readonly string[],
  entries: readonly Entry[],
  { parked, left }: { readonly parked: readonly string[]; readonly left: readonly string[] },
): Account {
  const times = timesDone(entries);
  const somewhere = new Set([...times.keys(), ...parked, ...left]);
  return {
    handled: sent.filter((id) => times.has(id)).length,
    lost: sent.filter((id) => !somewhere.has(id)).length,
    duplicated: [...times.values()].reduce((sum, count) => sum + count - 1, 0),
    parked: parked.length,
    left: left.length,
  };
}

/** Messages that were done after a later one of their key; of each only the first time counts. */
export function reorderedIn(entries: readonly Entry[], tasks: readonly Task[]): number {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const latest = new Map<string, number>();
  const seen = new Set<string>();
  let reordered = 0;
  for (const { what, id } of entries) {
    const { key, n } = byId.get(id) ?? {};
    if (what !== 'did' || key === undefined || n === undefined || seen.has(id)) continue;
    seen.add(id);
    if (n < (latest.get(key) ?? -1)) reordered += 1;
    latest.set(key, Math.max(n, latest.get(key) ?? -1));
  }
  return reordered;
}

/** The first time that anything begins at that time or later, in milliseconds after it; null where nothing does. */
export function resumedAfter(entries: readonly Entry[], at: number): number | null {
  const next = entries.find((entry) => entry.what === 'began' && entry.at >= at);
  return next ? next.at - at : null;
}

/** How long after that time the last message was done for the first time, in milliseconds. */
export function allDoneAfter(entries: readonly Entry[], at: number): number {
  const first = new Map<string, number>();
  for (const { what, id, at: done } of entries)
    if (what === 'did' && !first.has(id)) first.set(id, done);
  return Math.max(0, ...[...first.values()].map((done) => done - at));
}

/** The longest time in which nothing began, from then until the last that did, in milliseconds. */
export function longestPauseAfter(entries: readonly Entry[], at: number): number {
  const begins = entries.filter((entry) => entry.what === 'began' && entry.at >= at);
  const times = [at, ...begins.map((entry) => entry.at)];
  return Math.max(0, ...times.slice(1).map((time, index) => time - (times[index] as number)));
}

/** Messages that were begun by more than one process. */
export function begunAgain(entries: readonly Entry[]): number {
  const first = new Map<string, number>();
  const again = new Set<string>();
  for (const { what, id, pid } of entries) {
    if (what !== 'began') continue;
    if ((first.get(id) ?? pid) !== pid) again.add(id);
    first.set(id, first.get(id) ?? pid);
  }
  return again.size;
}

/** How often a message was begun. */
export const attemptsOf = (entries: readonly Entry[], id: string): number =>
  entries.filter((entry) => entry.what === 'began' && entry.id === id).length;
