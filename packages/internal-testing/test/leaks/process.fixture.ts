import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';

test('leaves a process', () => {
  expect(spawn('sleep', ['30'], { stdio: 'ignore' }).pid).toBeGreaterThan(0);
});
