import { describe, expect, it } from 'vitest';
import {
  accountOf,
  allDoneAfter,
  attemptsOf,
  begunAgain,
  entriesOf,
  lineOf,
  longestPauseAfter,
  reorderedIn,
  resumedAfter,
  type Entry,
} from '../src/benchmarks/rabbitmq/behaviour/ledger.js';

/** `began a` at 1, `did a` at 2 … */
const written = (...lines: string[]): Entry[] =>
  lines.map((line, index) => {
    const [what, id] = line.split(' ') as [Entry['what'], string];
    return { at: index + 1, pid: 1, what, id };
  });

describe('a ledger', () => {
  it('is read as it was written, without the line that is being written', () => {
    const entries = written('began a', 'did a');
    expect(entriesOf(entries.map(lineOf).join(''))).toEqual(entries);
    expect(entriesOf(entries.map(lineOf).join('').slice(0, -2))).toEqual(entries.slice(0, 1));
    expect(entriesOf('')).toEqual([]);
  });

  it('tells how often a message was begun', () => {
    const entries = written('began a', 'began b', 'began a', 'did a');
    expect(attemptsOf(entries, 'a')).toBe(2);
    expect(attemptsOf(entries, 'c')).toBe(0);
  });
});

describe('a second process', () => {
  it('is known by messages that the first had begun', () => {
    const entries = [
      ...written('began a', 'did a', 'began b', 'began b'),
      ...written('began b', 'began c', 'did b').map((entry) => ({ ...entry, pid: 2 })),
    ];
    expect(begunAgain(entries)).toBe(1);
    expect(begunAgain(entries.slice(0, 4))).toBe(0);
  });
});

describe('the account of a scenario', () => {
  it('puts every message that was sent into one place, and counts what was done again', () => {
    const entries = written('began a', 'did a', 'began b', 'did a', 'did a', 'did d');
    const account = accountOf(['a', 'b', 'c', 'd', 'e'], entries, {
      parked: ['b'],
      left: ['c', 'd'],
    });
    expect(account).toEqual({ handled: 2, lost: 1, duplicated: 2, parked: 1, left: 2 });
  });

  it('takes a message for lost that was begun and is nowhere', () => {
    const nowhere = { parked: [], left: [] };
    expect(accountOf(['a'], written('began a'), nowhere).lost).toBe(1);
    expect(accountOf(['a'], written('did a'), nowhere).lost).toBe(0);
  });
});

describe('order', () => {
  const tasks = ['a', 'b', 'c', 'd'].map((id, n) => ({ id, key: id === 'd' ? 'other' : 'k', n }));

  it.each([
    [['a', 'b', 'c'], 0],
    [['a', 'c', 'b'], 1],
    [['c', 'a', 'b'], 2],
    [['c', 'b', 'a'], 2],
    [['d', 'a', 'b', 'c'], 0],
    [['a', 'b', 'a', 'c'], 0],
  ])('of %j has %i messages after a later one of their key', (ids, reordered) => {
    const entries = written(...ids.map((id) => `did ${id}`));
    expect(reorderedIn(entries, tasks)).toBe(reordered);
  });

  it('is that of what was done, and says nothing of messages without a key', () => {
    expect(reorderedIn(written('began b', 'did a', 'did b'), tasks)).toBe(0);
    expect(reorderedIn(written('did b', 'did a'), [{ id: 'a' }, { id: 'b' }])).toBe(0);
  });
});

describe('recovery', () => {
  const entries = written('began a', 'did a', 'did b', 'began c', 'did c', 'began d', 'did b');

  it('is when the next message begins', () => {
    expect(resumedAfter(entries, 2)).toBe(2);
    expect(resumedAfter(entries, 4)).toBe(0);
    expect(resumedAfter(entries, 7)).toBeNull();
  });

  it('may be when the last was done, for the first time', () => {
    expect(allDoneAfter(entries, 2)).toBe(3);
    expect(allDoneAfter(entries, 6)).toBe(0);
  });

  it('may be the longest time without a message that begins', () => {
    expect(longestPauseAfter(entries, 1)).toBe(3);
    expect(longestPauseAfter(entries, 5)).toBe(1);
    expect(longestPauseAfter(entries, 7)).toBe(0);
  });
});
