#!/usr/bin/env node
import { run } from './run.js';

process.exitCode = await run(process.argv.slice(2), {
  cwd: process.cwd(),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
});

// It fires only where something keeps the process alive: then a job of a deployment would never end.
setTimeout(() => {
  process.stderr.write(
    'nest-idempotency is done, and something that the file of --config opened is still open: it is left behind. Export a close() that ends it.\n',
  );
  process.exit();
}, 2_000).unref();
