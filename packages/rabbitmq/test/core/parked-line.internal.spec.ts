import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joined, leftOf, mayGo, type ParkedLine } from '../../src/core/parked-line.js';

const line = (given: number, done = 0): ParkedLine => ({
  given,
  done,
  firstId: 'm-1',
  lastId: `m-${given}`,
  since: 5,
});

describe('a line of parked messages', () => {
  it('begins with the one that has failed', () => {
    expect(joined(undefined, { id: 'm-1', place: undefined }, 5)).toEqual({
      line: line(1),
      place: 1,
    });
  });

  it.each([
    { what: 'one that follows', id: 'm-4', place: undefined, gets: 4, given: 4 },
    { what: 'the last one again, before it was acked', id: 'm-3', place: undefined, gets: 3 },
    { what: 'the first one again, before it was acked', id: 'm-1', place: undefined, gets: 1 },
    { what: 'one that was redriven and fails', id: 'm-2', place: 2, gets: 2 },
    { what: 'one that has a place that was never given', id: 'm-9', place: 9, gets: 4, given: 4 },
    { what: 'one without an id', id: undefined, place: undefined, gets: 4, given: 4 },
  ])('has a place for $what', ({ id, place, gets, given = 3 }) => {
    const next = joined(line(3), { id, place }, 9);
    expect([next.place, next.line.given, next.line.since]).toEqual([gets, given, 5]);
  });

  it('begins once more with what was handled last, and has failed since', () => {
    const second = { id: 'm-2', place: 2 };
    expect(joined(line(3, 2), second, 9)).toEqual({ line: line(3, 1), place: 2 });
    // Those behind it are through: nobody would bring them again.
    expect(joined(line(4, 3), second, 9)).toEqual({ line: line(4, 3), place: 2 });
  });

  it('has a new place for the first one, sent once more when others were handled', () => {
    expect(joined(line(3, 1), { id: 'm-1', place: undefined }, 9).place).toBe(4);
  });

  it.each([
    { what: 'what is new', id: 'm-7', place: undefined, done: 0, goes: false },
    { what: 'what has no id', id: undefined, place: undefined, done: 0, goes: false },
    { what: 'the first, redriven', id: 'm-1', place: 1, done: 0, goes: true },
    { what: 'the first, before it was acked', id: 'm-1', place: undefined, done: 0, goes: true },
    { what: 'the first, sent once more later', id: 'm-1', place: undefined, done: 1, goes: false },
    { what: 'the second before the first', id: 'm-2', place: 2, done: 0, goes: false },
    { what: 'the second after the first', id: 'm-2', place: 2, done: 1, goes: true },
    { what: 'a copy of what was handled', id: 'm-1', place: 1, done: 2, goes: true },
  ])('lets go what is next: $what', ({ id, place, done, goes }) => {
    expect(mayGo(line(3, done), { id, place })).toBe(goes);
  });

  it('ends when all were handled, each in its turn', () => {
    expect(leftOf(line(2), { id: 'm-1', place: 1 })).toEqual(line(2, 1));
    expect(leftOf(line(2, 1), { id: 'm-1', place: 1 })).toEqual(line(2, 1));
    expect(leftOf(line(2, 1), { id: 'm-2', place: 2 })).toBeUndefined();
    expect(leftOf(line(1), { id: 'm-1', place: undefined })).toBeUndefined();
  });

  it('has all handled once and in order, however they are redriven', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100), { maxLength: 60 }), fc.nat(8), (draws, more) => {
        // In the dead-letter queue, with the places they were given.
        const parked: { id: string; place: number }[] = [];
        const handled: string[] = [];
        let now: ParkedLine | undefined;
        const arrive = (id: string, place: number | undefined): void => {
          if (now && !mayGo(now, { id, place })) {
            const next = joined(now, { id, place }, 1);
            now = next.line;
            parked.push({ id, place: next.place });
          } else {
            handled.push(id);
            if (now) now = leftOf(now, { id, place });
          }
        };
        const first = joined(undefined, { id: 'm-1', place: undefined }, 1);
        now = first.line;
        parked.push({ id: 'm-1', place: first.place });
        let sent = 1;
        for (const draw of draws) {
          if (sent < more + 1) arrive(`m-${(sent += 1)}`, undefined);
          if (draw % 3 > 0 && parked.length > 0) {
            const [one] = parked.splice(draw % parked.length, 1);
            arrive(one!.id, one!.place);
          }
        }
        for (let rounds = 0; parked.length > 0; rounds += 1) {
          expect(rounds).toBeLessThan(1_000);
          const one = parked.shift()!;
          arrive(one.id, one.place);
        }
        expect(now).toBeUndefined();
        expect(handled).toEqual(Array.from({ length: sent }, (_, at) => `m-${at + 1}`));
      }),
    );
  });
});
