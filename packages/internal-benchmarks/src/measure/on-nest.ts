import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** A major version of Nest that we support. */
export type NestMajor = 11 | 12;

/** This package, or the very same again as it was given to the Nest 12 lane: the same build, bound to the other Nest. */
export function packageOn(nest: NestMajor): string {
  const own = dirname(
    createRequire(import.meta.url).resolve('@acme/internal-benchmarks/package.json'),
  );
  return nest === 11 ? own : join(own, '../internal-nest12/node_modules/@acme/internal-benchmarks');
}

/**
 * Runs a program of this package (a path below `dist`) in a process of its own on a major of Nest, and gives the one JSON
 * value that it prints.
 */
export async function onNest<Result>(
  major: NestMajor,
  program: string,
  args: readonly string[],
): Promise<Result> {
  const file = join(packageOn(major), 'dist', program);
  const { stdout } = await promisify(execFile)(process.execPath, [file, ...args]);
  return JSON.parse(stdout) as Result;
}
