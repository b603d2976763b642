#!/usr/bin/env node
// The root scripts. Runs on a bare Node with npm: everything else is installed from the lock file first.
import { build } from './repo/build.mjs';
import { install } from './repo/install.mjs';
import { Failure, Interrupted, catchInterrupts } from './repo/shell.mjs';
import { tasks } from './repo/tasks.mjs';

const [name, ...args] = process.argv.slice(2);
const task = tasks[name];
if (!task) {
  console.error(`Unknown task "${name ?? ''}". There are: ${Object.keys(tasks).join(', ')}.`);
  process.exit(2);
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `Node ${process.versions.node} is too old: this repository needs Node >= 20.19 (require(esm) by default).`,
  );
  process.exit(2);
}

catchInterrupts();
try {
  await install();
  if (task.needsBuild !== false) await build();
  process.exitCode = (await task.run(args)) ?? 0;
} catch (error) {
  if (!(error instanceof Failure || error instanceof Interrupted)) throw error;
  console.error(`\n${error.message}`);
  process.exitCode = error.exitCode;
}
