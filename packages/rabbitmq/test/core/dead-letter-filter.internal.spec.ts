import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isEmptyFilter,
  matches,
  type DeadLetterFilter,
} from '../../src/core/dead-letter-filter.js';
import { GroupTally } from '../../src/core/dead-letter-groups.js';
import type { ParkedMessage } from '../../src/core/parked-message.js';

const message = (more: Partial<ParkedMessage> = {}): ParkedMessage => ({
  position: 1,
  messageId: 'm-1',
  type: 'placed',
  origin: { queue: 'orders', exchange: 'events', routingKey: 'order.placed' },
  fingerprint: 'aaaa',
  code: 'RETRIES_EXHAUSTED',
  errorName: 'TypeError',
  errorMessage: 'x',
  service: 's',
  attempt: 5,
  firstFailedAt: 100,
  lastFailedAt: 200,
  redriveCount: 1,
  redriveId: undefined,
  size: 2,
  deliveryCount: undefined,
  ...more,
});
const unknown = message({
  messageId: undefined,
  type: undefined,
  origin: undefined,
  errorName: undefined,
  lastFailedAt: undefined,
  redriveCount: 0,
});

describe('a filter', () => {
  it.each<[DeadLetterFilter, one: boolean, other: boolean]>([
    [{}, true, true],
    [{ fingerprint: 'aaaa' }, true, true],
    [{ fingerprint: ['bbbb', 'cccc'] }, false, false],
    [{ code: ['X', 'RETRIES_EXHAUSTED'] }, true, true],
    [{ errorName: 'TypeError' }, true, false],
    [{ queue: 'orders' }, true, false],
    [{ queue: 'payments' }, false, false],
    [{ type: 'placed' }, true, false],
    [{ routingKey: 'order.placed' }, true, false],
    [{ messageId: ['m-1'] }, true, false],
    [{ messageId: [] }, false, false],
    [{ failedFrom: 200 }, true, false],
    [{ failedFrom: 201 }, false, false],
    [{ failedBefore: 201 }, true, false],
    [{ failedBefore: 200 }, false, false],
    [{ redrivenAtLeast: 1 }, true, false],
    [{ redrivenAtMost: 0 }, false, true],
    [{ where: ({ size }) => size === 2 }, true, true],
    [{ queue: 'orders', type: 'cancelled' }, false, false],
    [{ queue: 'orders', type: 'placed', where: () => false }, false, false],
  ])('%j takes what says so', (filter, one, other) => {
    expect([matches(filter, message()), matches(filter, unknown)]).toEqual([one, other]);
  });

  it('is empty where it says nothing', () => {
    expect([{}, { code: undefined }].map(isEmptyFilter)).toEqual([true, true]);
    expect([{ code: 'X' }, { redrivenAtMost: 0 }].map(isEmptyFilter)).toEqual([false, false]);
  });
});

describe('groups', () => {
  const some = fc.record({
    fingerprint: fc.constantFrom('a', 'b', 'c', '__proto__'),
    queue: fc.option(fc.constantFrom('q', 'r', '__proto__', 'constructor'), { nil: undefined }),
    firstFailedAt: fc.option(fc.nat(9), { nil: undefined }),
    lastFailedAt: fc.option(fc.nat(9), { nil: undefined }),
    redriveCount: fc.nat(2),
  });
  const least = (values: (number | undefined)[], of: (...all: number[]) => number) => {
    const known = values.filter((value) => value !== undefined);
    return known.length === 0 ? undefined : of(...known);
  };

  it('say of each fingerprint what its messages say, and count every message once', () => {
    fc.assert(
      fc.property(
        fc.array(some, { maxLength: 30 }),
        fc.integer({ min: 1, max: 4 }),
        (all, most) => {
          const tally = new GroupTally(most);
          const messages = all.map(({ queue, ...more }, n) =>
            message({
              ...more,
              position: n + 1,
              origin: queue === undefined ? undefined : { queue, exchange: '', routingKey: '' },
            }),
          );
          for (const one of messages) tally.add(one);
          const { groups, ungrouped } = tally;
          expect(groups.length).toBeLessThanOrEqual(most);
          expect(groups.reduce((sum, { count }) => sum + count, ungrouped)).toBe(all.length);
          expect(groups.map(({ count }) => count)).toEqual(
            groups.map(({ count }) => count).toSorted((one, other) => other - one),
          );
          for (const group of groups) {
            const own = messages.filter(({ fingerprint }) => fingerprint === group.fingerprint);
            expect(group.count).toBe(own.length);
            expect(group.sample).toBe(own[0]);
            expect(group.redriven).toBe(own.filter(({ redriveCount }) => redriveCount > 0).length);
            expect(group.firstFailedAt).toBe(
              least(
                own.map((one) => one.firstFailedAt),
                Math.min,
              ),
            );
            expect(group.lastFailedAt).toBe(
              least(
                own.map((one) => one.lastFailedAt),
                Math.max,
              ),
            );
            for (const [queue, count] of Object.entries(group.queues))
              expect(own.filter(({ origin }) => origin?.queue === queue)).toHaveLength(count);
            expect(Object.values(group.queues).reduce((sum, one) => sum + one, 0)).toBe(
              own.filter(({ origin }) => origin).length,
            );
          }
        },
      ),
    );
  });

  it('name 20 queues at most', () => {
    const tally = new GroupTally(10);
    for (let n = 0; n < 50; n += 1)
      tally.add(message({ origin: { queue: `q${n % 25}`, exchange: '', routingKey: '' } }));
    const [group] = tally.groups;
    expect(group?.count).toBe(50);
    expect(Object.values(group?.queues ?? {})).toEqual(Array.from({ length: 20 }, () => 2));
  });
});
