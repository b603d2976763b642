import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestingError } from '../testing.errors.js';
import { findProgram } from './servers/find-program.js';

/**
 * Installs packages without starting their services. It runs in a session of its own and under one lock for all runs on
 * this machine: an interrupted run must neither interrupt dpkg nor leave our policy-rc.d behind, and a second run must not
 * take the first one's policy for the machine's own.
 */
const INSTALL = `
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
saved=$policy.acme-saved
restore() { if [ -e "$saved" ]; then mv -f "$saved" "$policy"; else rm -f "$policy"; fi; }
# Left by a run that was killed in the middle.
if grep -qs acme-internal-testing "$policy"; then restore; fi
if [ -e "$policy" ]; then mv "$policy" "$saved"; fi
trap restore EXIT
printf '#!/bin/sh\\n# acme-internal-testing: no service starts while packages are installed\\nexit 101\\n' > "$policy"
chmod 755 "$policy"
attempt() { apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq -y --no-install-recommends install "$@"; }
update() {
  for _ in $(seq 60); do
    # A failed download is a warning to apt-get, and the lists of before are used; the next install tells.
    answer=$(LC_ALL=C apt-get -o Acquire::Retries=3 -qq --allow-releaseinfo-change update 2>&1) && return 0
    echo "$answer"
    # Somebody else is updating the lists, which apt-get does not wait for.
    case $answer in *'/var/lib/apt/lists/lock'*) sleep 5 ;; *) return 1 ;; esac
  done
  return 1
}
# The lists on this machine may be missing or too old: only then are they fetched.
attempt "$@" || { update && attempt "$@"; }
`;

const LOCK = '/run/acme-internal-testing.lock';
const DEADLINE_MS = 10 * 60_000;

/** Why packages cannot be installed here; undefined when they can. */
export function aptObstacle(): string | undefined {
  if (!findProgram('apt-get')) return 'there is no apt-get';
  if (process.getuid?.() !== 0) return 'we are not root';
  return undefined;
}

/** Installs Debian packages; rejects with the end of apt's output. */
export async function installPackages(packages: readonly string[]): Promise<void> {
  const log = unnamedFile();
  try {
    const outcome = await runDetached(log, packages);
    if (outcome === 'exit code 0') return;
    const lines = readFileSync(`/proc/self/fd/${log}`, 'utf8').trim().split('\n').slice(-10);
    throw new TestingError(
      'APT_FAILED',
      `apt-get install ${packages.join(' ')}: ${outcome}. It wrote:\n${lines.join('\n')}`,
    );
  } finally {
    closeSync(log);
  }
}

function runDetached(log: number, packages: readonly string[]): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn('flock', ['-w', '900', LOCK, 'sh', '-c', INSTALL, 'sh', ...packages], {
      detached: true,
      stdio: ['ignore', log, log],
    });
    const timer = setTimeout(() => {
      child.unref();
      done(`not done after ${DEADLINE_MS / 60_000} minutes`);
    }, DEADLINE_MS);
    child.on('error', fail);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      done(signal ?? `exit code ${code}`);
    });
  });
}

/** A file, not a pipe: apt-get must not be ended by a broken pipe when we are. */
function unnamedFile(): number {
  const folder = mkdtempSync(join(tmpdir(), 'acme-apt-'));
  const file = openSync(join(folder, 'log'), 'w+');
  rmSync(folder, { recursive: true });
  return file;
}
