import { startChild, type Child } from '../../measure/child.js';
import { interleave } from '../../measure/interleave.js';
import type { NestMajor } from '../../measure/on-nest.js';
import type { Calling, Command, Served } from './subject.js';

/** Each subject in a process of its own. */
export type Children<Name extends string> = Readonly<Record<Name, Child<Command>>>;
/** By subject and round. */
export type Samples<Name extends string> = Readonly<Record<Name, readonly number[]>>;

/** Starts them, works with them, and ends them. */
export async function withChildren<Name extends Served | Calling, Result>(
  names: readonly Name[],
  nest: NestMajor,
  work: (children: Children<Name>) => Promise<Result>,
): Promise<Result> {
  const children: [Name, Child<Command>][] = [];
  try {
    for (const name of names)
      children.push([name, await startChild<Command>(name, 'grpc/program.js', [name], nest)]);
    return await work(Object.fromEntries(children) as Children<Name>);
  } finally {
    await Promise.all(children.map(([, child]) => child.close()));
  }
}

/** Takes turns. */
export function interleaved<Name extends string>(
  children: Children<Name>,
  rounds: { readonly rounds: number; readonly warmup: number },
  measure: (child: Child<Command>) => Promise<number>,
): Promise<Samples<Name>> {
  const subjects = Object.entries<Child<Command>>(children).map(([name, child]) => [
    name,
    () => measure(child),
  ]);
  return interleave(Object.fromEntries(subjects) as Record<Name, () => Promise<number>>, rounds);
}

/** The least of all rounds: what else the machine does only ever adds. */
export const least = (samples: readonly number[] | undefined): number => Math.min(...samples!);
