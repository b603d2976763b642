import { spawnChild, waitFor } from '@acme/internal-testing';
import { expect, test, vi } from 'vitest';
import { isRunning } from './support/processes.js';

// A Node process takes its time to start on a machine that has other things to do.
vi.setConfig({ testTimeout: 30_000 });

const script = (name: string) => new URL(`./children/${name}.mjs`, import.meta.url);

test('messages, arguments, environment and lines', async () => {
  const child = spawnChild(script('talker'), { args: ['--loud'], env: { GREETING: 'hello' } });

  await expect(child.waitForLine(/^started \d+$/)).resolves.toBe(`started ${child.pid}`);
  child.send({ id: 1n, at: new Date(0) });
  await expect(child.receive()).resolves.toEqual({
    echo: { id: 1n, at: new Date(0) },
    env: 'hello',
    args: ['--loud'],
  });
});

test('receive takes the message that is asked for and leaves the others', async () => {
  const child = spawnChild(script('talker'));
  child.send('a');
  child.send('b');

  await child.receive<{ echo: string }>(({ echo }) => echo === 'b');
  await expect(child.receive()).resolves.toMatchObject({ echo: 'a' });
});

test('kill -9 is what it says', async () => {
  const child = spawnChild(script('talker'));
  await child.waitForLine('started');
  await expect(child.kill('SIGKILL')).resolves.toEqual({ code: null, signal: 'SIGKILL' });
  expect(isRunning(child.pid)).toBe(false);
});

test('one that leaves otherwise than it should is told with what it wrote', async () => {
  const polite = spawnChild(script('talker'), { args: ['--polite'] });
  await polite.waitForLine('started');
  await expect(polite.leave()).resolves.toBeUndefined();

  const rude = spawnChild(script('talker'));
  await rude.waitForLine('started');
  await expect(rude.leave()).rejects.toThrow(/ended \(SIGTERM\), asked to leave[^]*started/);
});

test('a frozen child answers after it is thawed', async () => {
  const child = spawnChild(script('talker'));
  await child.waitForLine('started');
  child.freeze();
  child.send('hello');
  await expect(child.receive(undefined, { deadlineMs: 200 })).rejects.toMatchObject({
    code: 'WAIT_TIMEOUT',
  });

  child.thaw();
  await expect(child.receive()).resolves.toMatchObject({ echo: 'hello' });
});

test('waiting for a child that has ended fails at once and shows what it wrote', async () => {
  const child = spawnChild(script('failing'));
  await expect(child.waitForLine('ready', { deadlineMs: 60_000 })).rejects.toMatchObject({
    code: 'CHILD_ENDED',
    message: expect.stringMatching(/exit code 3.*cannot start/s),
  });
  await expect(child.exited).resolves.toEqual({ code: 3, signal: null });
  expect(() => child.send('hello')).toThrow(/has ended/);
});

test('a child that lets go of the channel ends by itself', async () => {
  const child = spawnChild(script('talker'));
  child.send('leave');
  await expect(child.exited).resolves.toEqual({ code: 0, signal: null });
});

test('a child does not outlive a parent that is killed, not even a frozen one', async () => {
  const parent = spawnChild(script('parent'));
  const { pid } = await parent.receive<{ pid: number }>();
  expect(isRunning(pid)).toBe(true);
  process.kill(pid, 'SIGSTOP');

  await parent.kill('SIGKILL');

  await waitFor(() => !isRunning(pid), { what: 'the end of the grandchild' });
});
