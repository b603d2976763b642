import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pnpm } from './install.mjs';
import { top } from './shell.mjs';
import { workspace } from './workspace.mjs';

/**
 * Builds what changed, in dependency order. A package is built again when its own sources, its configuration or
 * anything it depends on changed; `pnpm run build` also refreshes the copies that its consumers were given.
 */
export async function build() {
  const fingerprints = new Map();
  for (const one of workspace()) {
    const upstream = one.dependencies.map((name) => fingerprints.get(name) ?? '');
    const wanted = fingerprint(one.path, upstream);
    fingerprints.set(one.name, wanted);
    if (!one.manifest.scripts?.build) continue;
    const stamp = join(top, '.cache', 'built', one.name.replace('/', '+'));
    if (
      existsSync(join(one.path, 'dist')) &&
      existsSync(stamp) &&
      readFileSync(stamp, 'utf8') === wanted
    )
      continue;
    console.error(`build ${one.name}`);
    await pnpm(['--silent', '--dir', one.path, 'run', 'build'], { output: 'stderr' });
    mkdirSync(join(top, '.cache', 'built'), { recursive: true });
    writeFileSync(stamp, wanted);
  }
}

function fingerprint(path, upstream) {
  const hash = createHash('sha256').update(upstream.join());
  hash
    .update(readFileSync(join(top, 'tsconfig.base.json')))
    .update(readFileSync(join(top, 'pnpm-lock.yaml')));
  const visit = (folder) => {
    for (const name of readdirSync(folder).sort()) {
      const file = join(folder, name);
      if (['node_modules', 'dist', 'test', '.suites'].includes(name)) continue;
      if (statSync(file).isDirectory()) visit(file);
      else hash.update(name).update(readFileSync(file));
    }
  };
  visit(path);
  return hash.digest('hex');
}
