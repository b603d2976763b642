#!/usr/bin/env node
// Runs a command with real servers: `node packages/internal-testing/bin/with-services.mjs [--need postgres,redis] -- <command…>`.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';

const USAGE = 'Usage: with-services.mjs [--need postgres,rabbitmq,redis,mariadb] -- <command…>';
const separator = process.argv.indexOf('--');
const [file, ...args] = separator < 0 ? [] : process.argv.slice(separator + 1);
const { values, problem } = options(process.argv.slice(2, separator < 0 ? undefined : separator));
if (problem || !file) {
  console.error(problem ? `${problem}\n${USAGE}` : USAGE);
  process.exit(2);
}
if (!existsSync(new URL('../dist/services/index.js', import.meta.url))) {
  console.error('The packages are not built: npm run build, at the top of the repository.');
  process.exit(1);
}
const { provideServices, TestingError } = await import('../dist/services/index.js');
const { signalTree } = await import('../dist/services/process-tree.js');

// A terminal sends Ctrl-C to the command as well, a supervisor signals only us. Either way we stay until the command has
// ended, and then stop the servers. Its whole tree: npx passes nothing on.
let child;
let interrupted;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted = signal;
    if (child?.pid && (signal !== 'SIGINT' || !process.stdin.isTTY)) signalTree(child.pid, signal);
  });
}

let services;
try {
  services = await provideServices(values.need ? { need: values.need.split(',') } : {});
  process.exitCode = interrupted ? 130 : await run(services.env);
} catch (error) {
  if (!TestingError.is(error)) throw error;
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await services?.stop();
}

function run(env) {
  return new Promise((done) => {
    child = spawn(file, args, { stdio: 'inherit', env: { ...process.env, ...env } });
    child.on('error', (error) => {
      console.error(`${file}: ${error.message}`);
      done(127);
    });
    child.on('exit', (code, signal) => done(signal ? 130 : code));
  });
}

function options(args) {
  try {
    return parseArgs({ args, options: { need: { type: 'string' } } });
  } catch (error) {
    return { problem: error.message };
  }
}
