import { ManualClock } from '@acme/internal-testing';
import { expect, test } from 'vitest';

test('it stands still until it is moved', async () => {
  const clock = new ManualClock(1_000);
  expect(clock.now()).toBe(1_000);
  await clock.advance(250);
  expect(clock.now()).toBe(1_250);
});

test('timers run in order, each at its own time', async () => {
  const clock = new ManualClock(0);
  const ran: string[] = [];
  clock.setTimeout(() => ran.push(`b at ${clock.now()}`), 20);
  clock.setTimeout(() => ran.push(`a at ${clock.now()}`), 10);
  clock.setTimeout(() => ran.push(`c at ${clock.now()}`), 20);
  clock.setTimeout(() => ran.push('too late'), 31);

  await clock.advance(30);

  expect(ran).toEqual(['a at 10', 'b at 20', 'c at 20']);
  expect(clock.pending).toBe(1);
});

test('a loop of sleeps goes round as often as it would', async () => {
  const clock = new ManualClock(0);
  const rounds: number[] = [];
  const controller = new AbortController();
  const loop = (async () => {
    for (;;) {
      await clock.sleep(100, controller.signal);
      rounds.push(clock.now());
    }
  })();

  await clock.advance(350);
  expect(rounds).toEqual([100, 200, 300]);

  controller.abort(new Error('stopped'));
  await expect(loop).rejects.toThrow('stopped');
  expect(clock.pending).toBe(0);
});

test('a sleep with an aborted signal rejects at once', async () => {
  const clock = new ManualClock(0);
  await expect(clock.sleep(10, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
  expect(clock.pending).toBe(0);
});

test('a cleared timer does not run', async () => {
  const clock = new ManualClock(0);
  const ran: string[] = [];
  const id = clock.setTimeout(() => ran.push('a'), 10);
  clock.clearTimeout(id);
  await clock.advance(20);
  expect(ran).toEqual([]);
});
