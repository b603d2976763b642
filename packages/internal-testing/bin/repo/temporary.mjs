import { chmodSync, mkdtempSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// A server's folder tells its guardian which processes to end, and goes when they have ended.
const GUARDED = /^acme-(postgres|rabbitmq|redis|mariadb)-/;
const GUARDIAN_MS = 15_000;

/**
 * Calls `use` with the environment of a temporary folder of its own, and removes that with everything in it: a program
 * that is interrupted leaves its temporary files behind, and some that are not leave a cache.
 */
export async function withTemporaryFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), 'acme-run-'));
  // As the machine's own: servers run as other users.
  chmodSync(folder, 0o1777);
  try {
    return await use({ TMPDIR: folder });
  } finally {
    await removeAround(folder);
  }
}

async function removeAround(folder) {
  const guarded = () => readdirSync(folder).filter((name) => GUARDED.test(name));
  const deadline = Date.now() + GUARDIAN_MS;
  while (guarded().length > 0 && Date.now() < deadline) {
    await new Promise((next) => setTimeout(next, 50));
  }
  const kept = guarded();
  for (const name of readdirSync(folder)) {
    if (kept.includes(name)) continue;
    rmSync(join(folder, name), { recursive: true, force: true, maxRetries: 5 });
  }
  if (kept.length === 0) rmdirSync(folder);
}
