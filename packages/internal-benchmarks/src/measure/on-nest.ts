import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A major version of Nest that we support. */
export type NestMajor = 11 | 12;

const roots: Readonly<Record<NestMajor, string>> = {
  11: '../',
  // This very package again, as it was given to the Nest 12 lane: the same build, bound to the other Nest.
  12: '../../../internal-nest12/node_modules/@acme/internal-benchmarks/dist/',
};

/**
 * Runs a program of this package (a path below `dist`) in a process of its own on a major of Nest, and gives the one JSON
 * value that it prints.
 */
export async function onNest<Result>(
  major: NestMajor,
  program: string,
  args: readonly string[],
): Promise<Result> {
  const file = fileURLToPath(new URL(roots[major] + program, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [file, ...args]);
  return JSON.parse(stdout) as Result;
}
