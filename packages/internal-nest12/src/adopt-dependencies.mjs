// Gives the lane every dependency that the published packages' specs have, Nest itself in its twelfth version, and
// installs. Run it after adding a dependency to a package, and commit what it changes.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pnpm, pnpmSettings } from '../../internal-testing/bin/repo/install.mjs';
import { here, suites } from './suites.mjs';

const { nest12 } = (await pnpmSettings()).catalogs;
// The benchmarks run on both majors, too.
const wanted = { '@acme/internal-benchmarks': 'workspace:*' };
for (const { packageName, manifest } of suites()) {
  wanted[packageName] = 'workspace:*';
  for (const [name, range] of Object.entries(manifest.devDependencies ?? {})) {
    wanted[name] = name in nest12 ? 'catalog:nest12' : range;
  }
}

const file = join(here, 'package.json');
const manifest = JSON.parse(readFileSync(file, 'utf8'));
manifest.devDependencies = Object.fromEntries(
  Object.entries(wanted).sort(([a], [b]) => (a < b ? -1 : 1)),
);
writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
await pnpm(['install', '--no-frozen-lockfile']);
