import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pnpm } from '../install.mjs';
import { run, top } from '../shell.mjs';
import { published } from '../workspace.mjs';

/**
 * Packs every published package as `pnpm publish` would and unpacks it again.
 * Gives `{ ...workspace entry, tarball, unpacked, packed }`, `packed` being the manifest that users get.
 */
export async function packAll() {
  const home = join(top, '.cache/packed');
  rmSync(home, { recursive: true, force: true });
  const all = [];
  for (const one of published()) {
    const folder = join(home, one.folder);
    mkdirSync(folder, { recursive: true });
    const tarball = join(folder, 'package.tgz');
    await pnpm(['--dir', one.path, 'pack', '--out', tarball], { output: 'quiet' });
    await run('tar', ['-xzf', tarball, '-C', folder]);
    const unpacked = join(folder, 'package');
    const packed = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));
    all.push({ ...one, tarball, unpacked, packed });
  }
  return all;
}
