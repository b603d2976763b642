#!/usr/bin/env node
// Proves the first lines of the README: on a clean Debian with Node and npm and nothing else, as root, each command passes
// as the first one ever typed there. `npm run check:clean-machine`, or `… -- 'npm run demo' 'npm test'` for other commands.
// Needs root and debootstrap. A variable that is set (`DATABASE_URL`, …) is set there too.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { debianHere } from './repo/debian.mjs';
import { top } from './repo/shell.mjs';

// How this machine reaches the registries, and addresses of servers: the only settings that are carried over.
const CARRIED =
  /_proxy$|^(NODE_EXTRA_CA_CERTS|npm_config_registry|(DATABASE|AMQP|RABBITMQ_MANAGEMENT|REDIS|MYSQL)_URL)$/i;
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/** Runs in namespaces of its own: what it mounts is gone with it, whatever happens, and so are its processes. */
const INSIDE = `
root=$1; command=$2; shift 2
set -e
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
  mknod -m 666 "$root/dev/\${device%%:*}" c $(echo "\${device#*:}" | tr : ' ')
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
set +e
# Ctrl-C ends the command; what it leaves behind is still to be told.
trap : INT TERM HUP
chroot "$root" env -i HOME=/root TERM="$TERM" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" \\
  bash -lc "cd /project && $command"
code=$?
# A login shell would have us wait for nothing; what is still here a moment later was left behind.
sleep 1
left=$(chroot "$root" sh -c '
  for one in /proc/[0-9]*; do
    pid=\${one#/proc/}
    [ "$pid" = 1 ] || [ "$pid" = $$ ] || echo "  process $pid: $(tr "\\0" " " < $one/cmdline)"
  done
  # The package manager keeps empty lock files of its own there.
  ls -A /tmp | grep -v "^pnpm-.*-0$" | sed "s/^/  \\/tmp\\//"
  tail -n +2 /proc/sysvipc/shm | sed "s/^/  shared memory /"
' 2> /dev/null)
[ -z "$left" ] || { echo "Left behind by $command:"; echo "$left"; exit 1; } >&2
exit $code
`;

const roots = mkdtempSync(join(tmpdir(), 'acme-clean-machine-'));
const commands = process.argv.length > 2 ? process.argv.slice(2) : ['npm run demo', 'npm test'];
// Ctrl-C ends the command only: the roots are removed all the same.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
try {
  chmodSync(roots, 0o755);
  const outcomes = [];
  const base = debian(join(roots, 'debian'));
  for (const [i, command] of commands.entries()) {
    const started = performance.now();
    const code = await firstCommand(command, machine(base, join(roots, String(i))));
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    outcomes.push(
      `${code === 0 ? 'ok    ' : 'FAILED'} ${command}: exit code ${code}, ${seconds} s`,
    );
    if (code !== 0) process.exitCode = 1;
  }
  console.log(outcomes.join('\n'));
} finally {
  remove(roots);
}

/** The smallest Debian there is, from where this machine has its own. */
function debian(root) {
  const { site, release, lines } = debianHere();
  console.error(`Debian ${release} with Node ${process.versions.node}`);
  output('debootstrap', ['--variant=minbase', release, root, site]);
  const list = lines.map((line) => `deb ${line} main\n`);
  writeFileSync(join(root, 'etc/apt/sources.list'), list.join(''));
  return root;
}

/** A copy of it with Node, npm and a clone of what is committed here. */
function machine(base, root) {
  output('cp', ['-a', base, root]);
  const npm = dirname(dirname(process.env.npm_execpath ?? ''));
  if (!existsSync(join(npm, 'bin/npm-cli.js'))) throw new Error('Start it with npm run');
  cpSync(process.execPath, join(root, 'usr/bin/node'));
  cpSync(npm, join(root, 'usr/lib/node_modules/npm'), { recursive: true });
  for (const name of ['npm', 'npx']) {
    symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(root, 'usr/bin', name));
  }
  const carry = (from, to = from) => {
    if (!existsSync(from)) return;
    mkdirSync(dirname(join(root, to)), { recursive: true });
    cpSync(from, join(root, to), { dereference: true });
  };
  carry(output('npm', ['config', 'get', 'globalconfig']), '/usr/etc/npmrc');
  carry(output('npm', ['config', 'get', 'userconfig']), '/root/.npmrc');
  [CERTIFICATES, '/etc/resolv.conf', '/etc/hosts'].forEach((file) => carry(file));
  output('git', ['clone', '--quiet', '--no-hardlinks', top, join(root, 'project')]);
  return root;
}

function firstCommand(command, root) {
  const settings = Object.entries(process.env).filter(([name]) => CARRIED.test(name));
  const child = spawn(
    'unshare',
    [
      ...['--mount', '--propagation=private', '--pid', '--ipc', '--fork', '--kill-child'],
      ...['sh', '-c', INSIDE, 'sh', root, command],
      ...settings.map(([name, value]) => `${name}=${value}`),
    ],
    { stdio: 'inherit' },
  );
  return new Promise((done, fail) => child.on('exit', (code) => done(code ?? 1)).on('error', fail));
}

/** Never while something is mounted below: it would be emptied as well. */
function remove(folder) {
  const mounted = readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${folder}/`);
  if (mounted) throw new Error(`Something is mounted below ${folder}: unmount it, then remove it`);
  output('rm', ['-rf', '--one-file-system', folder]);
}

function output(command, args) {
  const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] };
  return execFileSync(command, args, options).trim();
}
