import { expect, it } from 'vitest';
import { plan } from '../src/load/plan.js';
import type { Counts, Fate } from '../src/report/count.js';
import { judge } from '../src/report/verdict.js';

const planned = plan('run', 4, 1);
const fine: Fate = { orders: 1, charges: 1, mails: 1, latenciesMs: [10] };

function countsOf(fates: Record<string, Fate>): Counts {
  const sum = (kind: 'orders' | 'charges' | 'mails') =>
    Object.values(fates).reduce((total, fate) => total + fate[kind], 0);
  return {
    fates: new Map(Object.entries(fates)),
    orders: sum('orders'),
    charges: sum('charges'),
    mails: sum('mails'),
  };
}

it('finds nothing wrong with one of each', () => {
  const all = Object.fromEntries(planned.map(({ reference }) => [reference, fine]));
  expect(judge(planned, countsOf(all))).toMatchObject({ lost: 0, doneTwice: 0, problems: [] });
});

it('counts an order as lost once, whatever it lacks, and every row too many', () => {
  const counts = countsOf({
    'R-000001': { ...fine, charges: 0, mails: 0 },
    'R-000002': { ...fine, orders: 2, charges: 3 },
    'R-000003': { ...fine, mails: 2 },
  });
  expect(judge(planned, counts)).toMatchObject({
    lost: 2,
    doneTwice: 4,
    problems: [
      'too many orders: 1',
      'too many charges: 2',
      'too many mails: 1',
      'R-000001 has no charge and mail',
      'R-000004 has no order',
    ],
  });
});

it('counts what belongs to no planned order as too much', () => {
  const all = Object.fromEntries(planned.map(({ reference }) => [reference, fine]));
  const counts = { ...countsOf(all), charges: 5 };
  expect(judge(planned, counts)).toMatchObject({ lost: 0, doneTwice: 1 });
});

it('gives the same plan for the same seed', () => {
  expect(plan('run', 50, 7)).toEqual(plan('run', 50, 7));
  expect(plan('run', 50, 7)).not.toEqual(plan('run', 50, 8));
  expect(new Set(plan('run', 50, 7).map(({ sends }) => sends))).toEqual(new Set([1, 2, 3]));
});
