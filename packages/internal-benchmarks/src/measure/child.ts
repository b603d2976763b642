import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { packageOn, type NestMajor } from './on-nest.js';

/** What the parent asks for; one thing at a time. */
interface Call<Command extends string> {
  readonly command: Command | 'close';
  readonly count: number;
}

type Reply = { readonly value: number } | { readonly error: string };

/** A program in a process of its own. */
export interface Child<Command extends string> {
  /** Resolves when that is done, with the number that the program gives; rejects with its error, or when it ends. */
  ask(command: Command, count?: number): Promise<number>;
  /** Asks it to end, and waits for that. */
  close(): Promise<void>;
}

/** Where a compiled program is (a path below `dist/benchmarks`), also when this file runs from its source. */
export const programFile = (program: string, nest: NestMajor = 11): string =>
  join(packageOn(nest), 'dist/benchmarks', program);

/**
 * Starts a program of this package, which answers by `answerParent`.
 *
 * @param name who it is, for errors
 * @param nest which Nest it finds
 */
export async function startChild<Command extends string>(
  name: string,
  program: string,
  args: readonly string[],
  nest: NestMajor = 11,
): Promise<Child<Command>> {
  const child = fork(programFile(program, nest), args, {
    // Standard output is the result's.
    stdio: ['ignore', process.stderr, process.stderr, 'ipc'],
  });
  try {
    await replyOf(child, name);
  } catch (error) {
    child.kill();
    throw error;
  }
  const ask = (command: Command | 'close', count = 0): Promise<number> => {
    child.send({ command, count } satisfies Call<Command>);
    return replyOf(child, name);
  };
  return {
    ask,
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

/** What a program can be asked for. */
export type Commands<Command extends string> = Readonly<
  Record<Command | 'close', (count: number) => Promise<number | void>>
>;

/** In the child: says that it is ready, answers call by call, and ends with its parent. */
export function answerParent<Command extends string>(commands: Commands<Command>): void {
  const answer = async ({ command, count }: Call<Command>): Promise<Reply> => {
    try {
      return { value: (await commands[command](count)) ?? 0 };
    } catch (error) {
      return { error: String((error as Error).stack) };
    }
  };
  process.on('message', (call: Call<Command>) => {
    void answer(call).then((reply) => {
      process.send?.(reply);
      if (call.command === 'close') process.disconnect();
    });
  });
  process.on('disconnect', () => process.exit());
  process.send?.({ value: 0 } satisfies Reply);
}
