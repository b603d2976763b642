import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { withTemporaryFolder } from '../../bin/repo/temporary.mjs';

it('gives a temporary folder that any user may use, and removes what was left in it', async () => {
  let folder = '';
  const running = withTemporaryFolder(async ({ TMPDIR }: { TMPDIR: string }) => {
    folder = TMPDIR;
    expect(statSync(folder).mode & 0o1777).toBe(0o1777);
    mkdirSync(join(folder, 'left/behind'), { recursive: true });
    writeFileSync(join(folder, 'left/behind/file'), '');
    throw new Error('interrupted');
  });
  await expect(running).rejects.toThrow('interrupted');
  expect(existsSync(folder)).toBe(false);
});

it('does not take a server’s folder from its guardian', async () => {
  let seen: string[] = [];
  const ended = await withTemporaryFolder(async ({ TMPDIR }: { TMPDIR: string }) => {
    const server = join(TMPDIR, 'acme-redis-1');
    mkdirSync(server);
    writeFileSync(join(server, 'redis.pid'), '');
    setTimeout(() => {
      seen = readdirSync(server);
      rmSync(server, { recursive: true });
    }, 300);
    return TMPDIR;
  });
  expect(seen).toEqual(['redis.pid']);
  expect(existsSync(ended)).toBe(false);
});
