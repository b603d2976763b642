import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ORDERS = fileURLToPath(new URL('../../orders', import.meta.url));

/** What `npm run check:errors` of orders does. */
const check = (against: string): Promise<{ exit: number | null; said: string }> =>
  new Promise((done) => {
    const bin = join(ORDERS, 'node_modules/.bin/nest-grpc-errors');
    const args = ['check', '--config', 'errors.config.mjs', '--against', against];
    const child = execFile(bin, args, { cwd: ORDERS }, (_, stdout, stderr) =>
      done({ exit: child.exitCode, said: stdout + stderr }),
    );
  });

it('keeps the errors that callers of orders look at', async () => {
  expect(await check('errors.json')).toEqual({
    exit: 0,
    said: '1 error as published in errors.json.\n',
  });
});

it('would notice one that is gone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'published-errors-'));
  const file = join(folder, 'errors.json');
  const text = readFileSync(join(ORDERS, 'errors.json'), 'utf8');
  writeFileSync(file, text.replace('ORDER_NOT_FOUND', 'ORDER_ARCHIVED'));
  const { exit, said } = await check(file);
  rmSync(folder, { recursive: true });
  expect([exit, said]).toEqual([
    3,
    expect.stringContaining('orders.shop.example ORDER_ARCHIVED is gone.'),
  ]);
});
