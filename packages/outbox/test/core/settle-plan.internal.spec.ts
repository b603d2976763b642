import { describe, expect, it } from 'vitest';
import {
  pickProbe,
  planSettle,
  type FailureRecord,
  type Settleable,
  type Verdict,
} from '../../src/core/settle-plan.js';

interface Row extends Settleable {
  readonly id: string;
}

const row = (id: string, more: Partial<Row> = {}): Row => ({
  id,
  place: 'pending',
  attempts: 0,
  tries: 0,
  history: [],
  ...more,
});
const policy = { attempts: 3, initialMs: 1_000, maxMs: 60_000 };
const plan = (verdicts: Verdict<Row>[], lastConfirmed = 0) => {
  const made = planSettle({ verdicts, lastConfirmed, policy, now: new Date(0), random: () => 0 });
  return {
    ...made,
    confirmed: made.confirmed.map(({ id }) => id),
    unanswered: made.unanswered.map(({ id }) => id),
  };
};
const failure = { code: 'UNROUTABLE', message: 'No queue.' };

describe('planSettle', () => {
  it('takes the confirmed ones together', () => {
    const made = plan([
      { row: row('a'), index: 1, result: 'confirmed' },
      { row: row('b'), index: 2, result: 'confirmed' },
    ]);
    expect(made).toEqual({ confirmed: ['a', 'b'], heldBack: [], parked: [], unanswered: [] });
  });

  it('counts a failure, remembers why, and holds the message back', () => {
    const [held] = plan([{ row: row('a'), index: 1, result: 'failed', failure }]).heldBack;
    expect(held).toMatchObject({ attempts: 1, tries: 1, delayMs: 500 });
    expect(held?.history).toEqual([{ at: '1970-01-01T00:00:00.000Z', ...failure }]);
  });

  it('parks with the last reason when the attempts are used up', () => {
    const tried = row('a', { attempts: 2, tries: 5 });
    const made = plan([{ row: tried, index: 1, result: 'failed', failure }]);
    expect(made.heldBack).toEqual([]);
    expect(made.parked).toMatchObject([{ attempts: 3, reason: failure }]);
  });

  it('keeps the last ten entries of a history', () => {
    const history = Array.from({ length: 10 }, (_, i): FailureRecord => ({
      at: `${i}`,
      ...failure,
    }));
    const [held] = plan([
      { row: row('a', { history }), index: 1, result: 'failed', failure },
    ]).heldBack;
    expect(held?.history).toHaveLength(10);
    expect(held?.history[0]?.at).toBe('1');
  });

  it('holds back alone, at no cost in attempts, what a later message has overtaken', () => {
    const made = plan([{ row: row('a'), index: 1, result: 'unknown' }], 2);
    expect(made.heldBack).toMatchObject([{ attempts: 0, tries: 1 }]);
    expect(made.unanswered).toEqual([]);
  });

  it('never parks for want of an answer', () => {
    const tried = row('a', { attempts: 2, tries: 100 });
    expect(plan([{ row: tried, index: 1, result: 'unknown' }], 2).parked).toEqual([]);
  });

  it('sees an outage when nothing has overtaken one, and then blames none of the unanswered', () => {
    const made = plan(
      [
        { row: row('a'), index: 1, result: 'unknown' },
        { row: row('b'), index: 2, result: 'confirmed' },
        { row: row('c'), index: 3, result: 'unknown' },
      ],
      2,
    );
    expect(made).toEqual({ confirmed: ['b'], heldBack: [], parked: [], unanswered: ['a', 'c'] });
  });
});

describe('pickProbe', () => {
  const rows = [{ block: 'a' }, { block: 'a' }, { block: 'b' }, { block: 'c' }];

  it('takes the head of another block after each failed probe, round and round', () => {
    const picks = [0, 1, 2, 3].map((failed) => rows.indexOf(pickProbe(rows, failed)!));
    expect(picks).toEqual([0, 2, 3, 0]);
  });

  it('has nothing to take from nothing', () => {
    expect(pickProbe([], 3)).toBeUndefined();
  });
});
