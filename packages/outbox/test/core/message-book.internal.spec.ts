import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MessageBook, type Bookable } from '../../src/core/message-book.js';

const row = (seq: number, block = `#${seq}`, lane = 0) =>
  ({ place: 'pending', seq, block, lane }) satisfies Bookable as Bookable;

describe('MessageBook', () => {
  it('hands out in order of arrival, one of a block at a time', () => {
    const book = new MessageBook(10);
    const [a1, b1, a2] = [row(1, 'a'), row(2, 'b'), row(3, 'a')];
    for (const one of [a1, b1, a2]) book.add(one);
    expect([book.take(), book.take(), book.take()]).toEqual([a1, b1, undefined]);
    book.landed(a1);
    expect(book.take()).toBe(a2);
  });

  it('hands out no more than the window until messages are forgotten, landed or not', () => {
    const book = new MessageBook(2);
    for (const one of [row(1), row(2), row(3)]) book.add(one);
    const first = book.take()!;
    book.take();
    book.landed(first);
    expect(book.take()).toBeUndefined();
    book.forget(first);
    expect(book.take()?.seq).toBe(3);
    expect(book.unsettled).toBe(2);
  });

  it('counts what is published past the queue, and keeps places for it', () => {
    const book = new MessageBook(3);
    for (const one of [row(1), row(2), row(3)]) book.add(one);
    book.reserve(50);
    expect([book.take()?.seq, book.take()]).toEqual([1, undefined]);
    book.handOut(row(7));
    expect(book.hasRoom).toBe(true);
    expect([book.take(true)?.seq, book.take(true)]).toEqual([2, undefined]);
    expect(book.hasRoom).toBe(false);
    book.landed(row(7));
    book.forget(row(7));
    expect(book.unsettled).toBe(2);
    book.reserve(0);
    expect([book.take()?.seq, book.take()]).toEqual([3, undefined]);
  });

  it('lets a late, lower message of the block go first', () => {
    const book = new MessageBook(10);
    book.add(row(7, 'a'));
    book.add(row(5, 'a'));
    const five = book.take()!;
    expect(five.seq).toBe(5);
    book.landed(five);
    expect(book.take()?.seq).toBe(7);
  });

  it('does not free a block because an earlier message of it is forgotten after it has landed', () => {
    const book = new MessageBook(10);
    for (const seq of [1, 2, 3]) book.add(row(seq, 'a'));
    const one = book.take()!;
    book.landed(one);
    book.take();
    book.forget(one);
    expect(book.take()).toBeUndefined();
  });

  it('ignores what it knows, also when that has landed', () => {
    const book = new MessageBook(10);
    const one = row(1, 'a');
    book.add(one);
    book.take();
    book.landed(one);
    book.add(row(1, 'a'));
    expect(book.take()).toBeUndefined();
    expect(book.queued).toBe(0);
  });

  it('keeps what was withdrawn or set aside known, and never hands it out', () => {
    const book = new MessageBook(10);
    book.add(row(1, 'a'));
    book.take();
    book.add(row(2, 'a'));
    expect(book.withdraw('a').map(({ seq }) => seq)).toEqual([2]);
    book.setAside(row(3, 'a'));
    book.forget(row(1, 'a'));
    expect(book.take()).toBeUndefined();
    expect(book.seqs()).toEqual([2, 3]);
  });

  it('counts the blocks that have something to hand out', () => {
    const book = new MessageBook(10);
    for (const one of [row(1, 'a'), row(2, 'a'), row(3, 'b'), row(4)]) book.add(one);
    expect(book.heads).toBe(3);
    const first = book.take()!;
    expect(book.heads).toBe(3);
    book.landed(first);
    for (let one = book.take(); one; one = book.take()) book.landed(one);
    expect([book.heads, book.queued]).toEqual([0, 0]);
    for (const one of [row(5, 'a'), row(6, 'a'), row(7, 'b')]) book.add(one);
    book.withdraw('a');
    book.withdraw('a');
    expect(book.heads).toBe(1);
    book.dropQueued();
    expect(book.heads).toBe(0);
  });

  it('tells of which blocks it has enough, until half of that is handed out', () => {
    const book = new MessageBook(10, 4);
    for (let seq = 1; seq <= 5; seq += 1) book.add(row(seq, 'a'));
    book.add(row(6, 'b'));
    expect([book.crowded, book.relieved]).toEqual([['a'], 0]);
    const takeOfA = () => {
      for (let one = book.take(); one; one = book.take()) {
        book.landed(one);
        if (one.block === 'a') return;
      }
    };
    takeOfA();
    takeOfA();
    expect([book.crowded, book.relieved]).toEqual([['a'], 0]);
    takeOfA();
    expect([book.crowded, book.relieved]).toEqual([[], 1]);
    for (let seq = 7; seq <= 9; seq += 1) book.add(row(seq, 'a'));
    book.dropQueued();
    expect([book.crowded, book.relieved]).toEqual([[], 2]);
  });

  it('drops what is queued of a lane and keeps what is out', () => {
    const book = new MessageBook(10);
    const out = row(1, 'a', 4);
    for (const one of [out, row(2, 'a', 4), row(3, 'b', 5)]) book.add(one);
    book.take();
    book.dropQueued(4);
    expect(book.seqs()).toEqual([1, 3]);
    book.landed(out);
    expect(book.take()?.seq).toBe(3);
    book.dropQueued();
    expect(book.queued).toBe(0);
  });

  it('never has two of a block out, keeps each block in order, loses nothing: any interleaving', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), block: fc.integer({ min: 0, max: 3 }) }),
      fc.record({ do: fc.constantFrom('take' as const, 'land' as const, 'forget' as const) }),
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer({ min: 1, max: 5 }),
        (steps, window) => {
          const book = new MessageBook(window);
          const taken: ReturnType<typeof row>[] = [];
          const flying: ReturnType<typeof row>[] = [];
          const landed: ReturnType<typeof row>[] = [];
          let seq = 0;
          const take = (): boolean => {
            const one = book.take();
            if (!one) return false;
            expect(flying.some(({ block }) => block === one.block)).toBe(false);
            taken.push(one);
            flying.push(one);
            expect(flying.length + landed.length).toBeLessThanOrEqual(window);
            return true;
          };
          const land = (): void => {
            const one = flying.shift();
            if (!one) return;
            book.landed(one);
            landed.push(one);
          };
          const forget = (): void => {
            const one = landed.shift();
            if (one) book.forget(one);
          };
          for (const one of steps) {
            if (one.do === 'add') book.add(row(++seq, `=${one.block}`));
            else if (one.do === 'take') take();
            else if (one.do === 'land') land();
            else forget();
          }
          while (take() || flying.length || landed.length) {
            land();
            forget();
          }
          expect(taken).toHaveLength(seq);
          expect(book.isEmpty).toBe(true);
          for (const block of new Set(taken.map((one) => one.block))) {
            const seqs = taken.filter((one) => one.block === block).map((one) => one.seq);
            expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
          }
        },
      ),
    );
  });
});
