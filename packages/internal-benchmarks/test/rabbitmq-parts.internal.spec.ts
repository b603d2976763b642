import { describe, expect, it } from 'vitest';
import { inWindow } from '../src/amqp/in-window.js';
import { meetingOf } from '../src/benchmarks/rabbitmq/behaviour/observe.js';
import { KeyedWork } from '../src/benchmarks/rabbitmq/rates/keyed-work.js';
import { Turn } from '../src/benchmarks/rabbitmq/rates/turn.js';
import { medianRatio } from '../src/measure/statistics.js';

describe('a window', () => {
  it('has so many messages on their way, one more for every confirm, and each once', async () => {
    const sent: number[] = [];
    const open: (() => void)[] = [];
    let most = 0;
    const sending = inWindow({ count: 7, window: 3 }, (index, done) => {
      sent.push(index);
      open.push(() => done(null));
      most = Math.max(most, open.length);
    });
    while (open.length > 0) open.shift()?.();
    await sending;
    expect(sent).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(most).toBe(3);
  });

  it('ends with the first message that is refused', async () => {
    const refused = inWindow({ count: 2, window: 1 }, (_, done) => done(new Error('full')));
    await expect(refused).rejects.toMatchObject({ cause: { message: 'full' } });
  });
});

describe('a turn', () => {
  it('holds messages until it begins, ends with the last of them, and holds the next', async () => {
    const turn = new Turn();
    const passed: string[] = [];
    const handle = async (id: string) => {
      await turn.take();
      passed.push(id);
    };
    const early = [handle('a'), handle('b')];
    await Promise.resolve();
    expect(passed).toEqual([]);
    const running = turn.run(3);
    await Promise.all(early);
    await handle('c');
    await expect(running).resolves.toBeGreaterThan(0);
    const next = handle('d');
    await Promise.resolve();
    expect(passed).toEqual(['a', 'b', 'c']);
    await Promise.all([turn.run(1), next]);
    expect(passed).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('work with keys', () => {
  const at = (key: string, n: number) => ({ key, n, ms: 0 });

  it('ends a turn with the last that is done, and finds nothing in an order that was kept', async () => {
    const work = new KeyedWork();
    for (let turn = 0; turn < 2; turn += 1) {
      const handled = [at('a', 0), at('b', 0)].map((one) => work.handle(one));
      const running = work.run(3);
      await Promise.all(handled);
      await Promise.all([work.handle(at('a', 1)), running]);
    }
    expect(work.violations).toBe(0);
  });

  it('counts what begins before the one before it is done', async () => {
    const work = new KeyedWork();
    const handled = [{ ...at('a', 0), ms: 1 }, at('a', 1), at('b', 0)].map((one) =>
      work.handle(one),
    );
    await Promise.all([work.run(3), ...handled]);
    expect(work.violations).toBe(1);
  });
});

describe('a meeting', () => {
  it('waits for everybody, and does its work once', async () => {
    const together = meetingOf(2);
    let done = 0;
    const work = async () => void (done += 1);
    const first = together(work);
    await Promise.resolve();
    expect(done).toBe(0);
    await Promise.all([first, together(work)]);
    expect(done).toBe(1);
  });
});

describe('a ratio', () => {
  it('is that of each round: a slow one slows both sides', () => {
    expect(medianRatio([90, 9, 91], [100, 10, 100])).toBe(0.9);
  });
});
