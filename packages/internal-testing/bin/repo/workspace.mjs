import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { top } from './shell.mjs';

/** Every workspace package: `{ folder, name, manifest, dependencies }`, dependencies being names of other workspace packages. */
export function workspace() {
  const found = ['packages', 'examples'].flatMap((group) =>
    existsSync(join(top, group))
      ? readdirSync(join(top, group))
          .filter((name) => existsSync(join(top, group, name, 'package.json')))
          .map((name) => ({ folder: `${group}/${name}` }))
      : [],
  );
  for (const one of found) {
    one.path = join(top, one.folder);
    one.manifest = JSON.parse(readFileSync(join(one.path, 'package.json'), 'utf8'));
    one.name = one.manifest.name;
  }
  const names = new Set(found.map(({ name }) => name));
  for (const one of found) {
    const { dependencies, devDependencies } = one.manifest;
    one.dependencies = Object.keys({ ...dependencies, ...devDependencies }).filter((name) =>
      names.has(name),
    );
  }
  return inBuildOrder(found);
}

/** The packages that users install. */
export const published = () => workspace().filter(({ manifest }) => !manifest.private);

function inBuildOrder(packages) {
  const byName = new Map(packages.map((one) => [one.name, one]));
  const ordered = new Set();
  const visit = (one, trail) => {
    if (trail.includes(one.name))
      throw new Error(`Circular dependency: ${[...trail, one.name].join(' -> ')}`);
    one.dependencies.forEach((name) => visit(byName.get(name), [...trail, one.name]));
    ordered.add(one);
  };
  packages.forEach((one) => visit(one, []));
  return [...ordered];
}
