import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arrivals, type Arrival } from '../src/delivery/arrivals.js';

/** The numbers of those whose turn has come, in that order. */
function watched() {
  const arrivals = new Arrivals('orders');
  const came: number[] = [];
  const reach = async (arrival: Arrival): Promise<void> => {
    await arrival.turn();
    came.push(arrival.number);
  };
  return { arrivals, came, reach };
}

const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

describe('arrivals', () => {
  it('come in order, whenever their bodies are reached, and wait for nobody that has ended', async () => {
    await fc.assert(
      fc.asyncProperty(
        // In which order they are done with guards and pipes, and which of them are refused there.
        fc
          .uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 40 })
          .chain((some) =>
            fc.tuple(fc.shuffledSubarray(some, { minLength: some.length }), fc.subarray(some)),
          ),
        async ([order, refused]) => {
          const { arrivals, came, reach } = watched();
          const all = Array.from({ length: Math.max(...order) }, () => arrivals.enter());
          for (const arrival of all) if (!order.includes(arrival.number)) arrival.leave();
          for (const number of order) {
            const arrival = all[number - 1]!;
            if (refused.includes(number)) arrival.leave();
            else void reach(arrival);
            if (number % 3 === 0) await settled();
          }
          await settled();
          const expected = order.filter((number) => !refused.includes(number));
          expect(came).toEqual(expected.toSorted((a, b) => a - b));
        },
      ),
    );
  });

  it('wait for the one that came first', async () => {
    const { arrivals, came, reach } = watched();
    const [first, second] = [arrivals.enter(), arrivals.enter()];
    void reach(second);
    await settled();
    expect(came).toEqual([]);
    void reach(first);
    await settled();
    expect(came).toEqual([1, 2]);
  });

  it('are not let pass by the end of one that waits', async () => {
    const { arrivals, came, reach } = watched();
    const [first, second, third] = [arrivals.enter(), arrivals.enter(), arrivals.enter()];
    void reach(second);
    second.leave();
    void reach(third);
    await settled();
    expect(came).toEqual([]);
    first.leave();
    await settled();
    expect(came).toEqual([2, 3]);
  });

  it('are lost with their channel, and those of the next one are not', () => {
    const arrivals = new Arrivals('orders');
    const [channel, next] = [new EventEmitter(), new EventEmitter()];
    const first = arrivals.enter(channel);
    expect(first.isLost).toBe(false);
    channel.emit('close');
    expect(first.isLost).toBe(true);
    const second = arrivals.enter(next);
    expect(second.isLost).toBe(false);
    // Heard late, of a channel that is not theirs.
    channel.emit('close');
    expect(second.isLost).toBe(false);
    const third = arrivals.enter(new EventEmitter());
    expect([second.isLost, third.isLost]).toEqual([true, false]);
  });

  it('know whether they were overtaken on their way to the door, on their own channel', () => {
    const arrivals = new Arrivals('orders');
    const [channel, next] = [{}, {}];
    const overtaken = [
      arrivals.enter(channel, 7),
      arrivals.enter(channel, 9),
      arrivals.enter(channel, 8),
      arrivals.enter(channel, 10),
      arrivals.enter(next, 1),
    ].map(({ isOvertaken }) => isOvertaken);
    expect(overtaken).toEqual([false, false, true, false, false]);
  });

  it('tell when one has left, once, and at once where it has', async () => {
    const { arrivals, came, reach } = watched();
    const [first, second] = [arrivals.enter(), arrivals.enter()];
    const told: string[] = [];
    first.whenLeft(() => told.push('first'));
    void reach(second);
    await settled();
    expect([told, came]).toEqual([[], []]);
    first.leave();
    first.leave();
    first.whenLeft(() => told.push('later'));
    await settled();
    expect([told, came]).toEqual([['first', 'later'], [2]]);
  });

  it('are lost when their door says so', () => {
    const arrivals = new Arrivals(undefined);
    const first = arrivals.enter();
    arrivals.lose();
    expect([first.isLost, arrivals.enter().isLost]).toEqual([true, false]);
  });
});
