import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Place } from './subject.js';
import type { SubjectName } from './subjects.js';

/** What the parent asks for; one thing at a time. */
export interface Call {
  readonly command: 'fill' | 'drain' | 'start' | 'stop' | 'close';
  readonly count: number;
}

export type Reply = { readonly value: number } | { readonly error: string };

/** A subject in its process. */
export interface Child {
  fill(count: number): Promise<void>;
  /** Messages per second. */
  drain(count: number): Promise<number>;
  start(): Promise<void>;
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** The compiled program, also when this file runs from its source. */
const PROGRAM = join(
  dirname(createRequire(import.meta.url).resolve('@acme/internal-benchmarks/package.json')),
  'dist/benchmarks/outbox/program.js',
);

/** Starts a subject in a process of its own, as an application's relay has one. */
export async function startChild(name: SubjectName, place: Place): Promise<Child> {
  const child = fork(PROGRAM, [name, JSON.stringify(place)], {
    // Standard output is the result's.
    stdio: ['ignore', process.stderr, process.stderr, 'ipc'],
  });
  try {
    await replyOf(child, name);
  } catch (error) {
    child.kill();
    throw error;
  }
  const ask = (command: Call['command'], count = 0): Promise<number> => {
    child.send({ command, count } satisfies Call);
    return replyOf(child, name);
  };
  return {
    fill: async (count) => void (await ask('fill', count)),
    drain: (count) => ask('drain', count),
    start: async () => void (await ask('start')),
    stop: async () => void (await ask('stop')),
    close: async () => {
      if (child.exitCode !== null || !child.connected) return;
      const exited = once(child, 'exit');
      await ask('close').finally(() => child.connected && child.disconnect());
      await exited;
    },
  };
}

function replyOf(child: ChildProcess, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const onMessage = (reply: unknown): void => {
      child.off('exit', onExit);
      const given = reply as Reply;
      if ('error' in given) reject(new Error(`${name}: ${given.error}`));
      else resolve(given.value);
    };
    const onExit = (code: number | null): void => {
      child.off('message', onMessage);
      reject(new Error(`${name}: the process ended with ${code}.`));
    };
    child.once('message', onMessage);
    child.once('exit', onExit);
  });
}
