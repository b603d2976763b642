import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, run, top } from './shell.mjs';

/** Where this machine has its own Debian from: `{ site, release, lines }`, the lines as in sources.list without the components. */
export function debianHere() {
  const format = '$(SITE) $(RELEASE)';
  const wanted = ['Created-By: Packages', 'Component: main', 'Origin: Debian'];
  const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] };
  const sources = execFileSync('apt-get', ['indextargets', '--format', format, ...wanted], options);
  const lines = [...new Set(sources.trim().split('\n').filter(Boolean))];
  const [site, release] = (lines[0] ?? '').split(' ');
  if (!release) throw new Failure('apt-get knows no Debian release here: apt-get update');
  return { site, release, lines };
}

/**
 * A folder with the files of a package of another Debian release and of all that it needs, made the first time. They are only
 * unpacked: of this machine nothing is changed, and nothing of them is run or set up.
 */
export async function unpacked(name, release) {
  const folder = join(top, '.cache', 'debian', release);
  const root = join(folder, name);
  if (existsSync(root)) return root;
  const { site } = debianHere();
  const at = (...path) => join(folder, ...path);
  rmSync(folder, { recursive: true, force: true });
  for (const one of ['lists/partial', 'cache/archives/partial']) {
    mkdirSync(at(one), { recursive: true });
  }
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
  writeFileSync(at('sources.list'), `deb [signed-by=${keys}] ${site} ${release} main\n`);
  writeFileSync(at('status'), '');
  const settings = {
    'Dir::Etc::SourceList': at('sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': at('lists'),
    'Dir::State::Status': at('status'),
    'Dir::Cache': at('cache'),
    'APT::Sandbox::User': '',
    'Acquire::Retries': '3',
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const apt = (...args) => run('apt-get', [...options, '-qq', '-y', ...args], { output: 'quiet' });
  await apt('update');
  // `?essential`: a shell and its like, which no package names.
  await apt('--download-only', '--no-install-recommends', 'install', '?essential', name);
  const archives = readdirSync(at('cache/archives')).filter((file) => file.endsWith('.deb'));
  const part = at('part');
  mkdirSync(part);
  for (const file of archives) {
    await run('dpkg-deb', ['--extract', at('cache/archives', file), part], { output: 'quiet' });
  }
  rmSync(at('cache'), { recursive: true });
  renameSync(part, root);
  return root;
}
