import type { BenchmarkRun } from '../../benchmark.js';

/** The keys of the figures, each with its meaning. */
export const figures = {
  relayVsRawConfirms:
    'rate of one relay over that of a publisher without a database; both in a process of their own, with the same window',
  relayVsOfficialShape:
    'rate of one relay over that of claim 100, then publish, confirm and delete each, 10 keys in flight',
  orderViolations: 'messages of ours that arrived before an older one of their key, in all drains',
  lost: 'messages of ours that never arrived, in all drains',
  duplicates: 'messages of ours that arrived twice, in all drains',
};

export type Key = keyof typeof figures;
export type Run = BenchmarkRun<Key>;
