import { describe, expect, it } from 'vitest';
import { HandlingTurns, type Manner } from '../../src/core/handling-turns.js';

interface Message {
  readonly name: string;
  isRunning: boolean;
  decide(manner: Manner): void;
}

/** Turns with a clock that the test moves; what begins is noted as "a beside" or "b alone". */
function setUp() {
  const began: string[] = [];
  const outlived: string[] = [];
  const timers = new Set<() => void>();
  const turns = new HandlingTurns<Message>(
    {
      patienceMs: 1_000,
      after: (_ms, run) => {
        timers.add(run);
        return () => void timers.delete(run);
      },
    },
    ({ name }) => outlived.push(name),
  );
  const fresh = (name: string): Message => {
    const one = { name, isRunning: false, decide: () => {} };
    turns.begin(one);
    return one;
  };
  const arrive = (name: string): Message => {
    const one: Message = { name, isRunning: false, decide: () => {} };
    one.decide = turns.enter(one, (manner) => began.push(`${name} ${manner}`));
    return one;
  };
  const losePatience = (): void => {
    for (const run of [...timers]) {
      timers.delete(run);
      run();
    }
  };
  return { turns, began, outlived, timers, fresh, arrive, losePatience };
}

describe('turns', () => {
  it('let one begin alone once all that runs has ended, and others when it has', () => {
    const { turns, began, fresh, arrive, timers } = setUp();
    const running = fresh('running');
    const [suspect, next] = [arrive('suspect'), arrive('next')];
    suspect.decide('alone');
    next.decide('beside');
    expect([began, turns.isFree]).toEqual([[], false]);
    turns.leave(running);
    expect(began).toEqual(['suspect alone']);
    expect([suspect.isRunning, turns.isWaiting(next), turns.isFree]).toEqual([true, true, false]);
    turns.leave(suspect);
    expect(began).toEqual(['suspect alone', 'next beside']);
    expect([turns.isFree, timers.size]).toEqual([true, 0]);
  });

  it('let nobody pass one of whom it is not known yet', () => {
    const { began, arrive } = setUp();
    const [asked, ...more] = [arrive('asked'), arrive('b'), arrive('c')];
    more.forEach((one) => one.decide('beside'));
    expect(began).toEqual([]);
    asked.decide('beside');
    expect(began).toEqual(['asked beside', 'b beside', 'c beside']);
  });

  it('let those that are handled alone do so one after the other', () => {
    const { turns, began, arrive } = setUp();
    const [first, second] = [arrive('first'), arrive('second')];
    second.decide('alone');
    first.decide('alone');
    expect(began).toEqual(['first alone']);
    turns.leave(first);
    expect(began).toEqual(['first alone', 'second alone']);
  });

  it('pass over one that has left while it waited, and forget its timer', () => {
    const { turns, began, fresh, arrive, timers } = setUp();
    fresh('running');
    const [suspect, next] = [arrive('suspect'), arrive('next')];
    suspect.decide('alone');
    next.decide('beside');
    turns.leave(suspect);
    expect(began).toEqual(['next beside']);
    expect(timers.size).toBe(0);
    // Its answer comes late.
    suspect.decide('alone');
    expect(began).toEqual(['next beside']);
  });

  it('do not wait for ever for one that still runs', () => {
    const { began, fresh, arrive, losePatience } = setUp();
    fresh('running');
    arrive('suspect').decide('alone');
    losePatience();
    expect(began).toEqual(['suspect alone']);
  });

  it('let others begin beside one that has been alone for long, and say so', () => {
    const { turns, began, outlived, arrive, losePatience } = setUp();
    const suspect = arrive('suspect');
    suspect.decide('alone');
    arrive('next').decide('beside');
    losePatience();
    expect([began, outlived]).toEqual([['suspect alone', 'next beside'], ['suspect']]);
    expect([suspect.isRunning, turns.isFree]).toEqual([true, true]);
  });
});
