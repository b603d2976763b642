import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';

test('leaves a process that nothing waits for', () => {
  const child = spawn('sleep', ['30'], { stdio: 'ignore', detached: true });
  child.unref();
  expect(child.pid).toBeGreaterThan(0);
});
