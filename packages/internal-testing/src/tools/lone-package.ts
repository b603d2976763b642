import { cpSync, existsSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Where and how a package is laid out. */
export interface LonePackage {
  /** An empty folder of the test's own. */
  readonly root: string;
  /** The package, and the module that knows it: `import.meta.url`. */
  readonly name: string;
  readonly knownTo: string;
  /** The only packages that it finds. */
  readonly dependencies: readonly string[];
}

/** Lays a built package out as a user has it installed, with these dependencies and no others. */
export function layOutAlone({ root, name, knownTo, dependencies }: LonePackage): void {
  const near = createRequire(knownTo);
  const manifest = near.resolve(`${name}/package.json`);
  const ours = join(root, 'node_modules', name);
  mkdirSync(ours, { recursive: true });
  cpSync(manifest, join(ours, 'package.json'));
  cpSync(join(dirname(manifest), 'dist'), join(ours, 'dist'), { recursive: true });
  for (const dependency of dependencies) {
    const link = join(root, 'node_modules', dependency);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(realpathSync(folderOf(dependency, [createRequire(manifest), near])), link, 'dir');
  }
}

/** The package's own first; a lane may lack what is no peer of it, and then the test's is as good as any. */
function folderOf(dependency: string, requires: readonly NodeJS.Require[]): string {
  const places = requires.flatMap(({ resolve }) => resolve.paths(dependency) ?? []);
  const found = places.map((path) => join(path, dependency)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${dependency} is not installed.`);
  return found;
}
