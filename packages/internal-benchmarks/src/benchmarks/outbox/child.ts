import { startChild as start } from '../../measure/child.js';
import type { Place } from './subject.js';
import type { SubjectName } from './subjects.js';

export type Command = 'fill' | 'drain' | 'start' | 'stop';

/** A subject in its process. */
export interface Child {
  fill(count: number): Promise<void>;
  /** Messages per second. */
  drain(count: number): Promise<number>;
  start(): Promise<void>;
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a subject in a process of its own, as an application's relay has one. */
export async function startChild(name: SubjectName, place: Place): Promise<Child> {
  const program = 'outbox/program.js';
  const { ask, close } = await start<Command>(name, program, [name, JSON.stringify(place)]);
  return {
    fill: async (count) => void (await ask('fill', count)),
    drain: (count) => ask('drain', count),
    start: async () => void (await ask('start')),
    stop: async () => void (await ask('stop')),
    close,
  };
}
