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

/**
 * Lays a built package out as a user has it installed, with these dependencies and no others. Our own among them are copied as well:
 * linked, they would find what they are developed with.
 */
export function layOutAlone({ root, name, knownTo, dependencies }: LonePackage): void {
  const near = createRequire(knownTo);
  const manifest = near.resolve(`${name}/package.json`);
  copyBuilt(dirname(manifest), join(root, 'node_modules', name));
  for (const dependency of dependencies) {
    const found = realpathSync(folderOf(dependency, [createRequire(manifest), near]));
    const place = join(root, 'node_modules', dependency);
    mkdirSync(dirname(place), { recursive: true });
    if (dependency.startsWith('@acme/')) copyBuilt(found, place);
    else symlinkSync(found, place, 'dir');
  }
}

function copyBuilt(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  cpSync(join(from, 'package.json'), join(to, 'package.json'));
  cpSync(join(from, 'dist'), join(to, 'dist'), { recursive: true });
}

/** The package's own first; a lane may lack what is no peer of it, and then the test's is as good as any. */
function folderOf(dependency: string, requires: readonly NodeJS.Require[]): string {
  const places = requires.flatMap(({ resolve }) => resolve.paths(dependency) ?? []);
  const found = places.map((path) => join(path, dependency)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${dependency} is not installed.`);
  return found;
}
