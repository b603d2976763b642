import type { BenchmarkRun } from '../../benchmark.js';

/** The keys of the figures, each with its meaning. */
export const figures = {
  relayVsRawConfirms:
    'rate of one relay over that of a publisher without a database; both in a process of their own, with the same window',
  relayVsOfficialShape:
    'rate of one relay over that of claim 100, then publish, confirm and delete each, 10 keys in flight',
  relayVsBestPeer: 'rate of one relay over that of the fastest peer',
  twoRelaysVsOne: 'rate of two relays, each in a process of its own, over that of one',
  drainAt1MVs50k: 'rate of one relay with a backlog of 1,000,000 over that with 50,000',
  rawAt1MVs50k: 'the same of raw confirms: what a long queue costs the broker',
  enqueueExtraStatements:
    'statements that add() sends beyond what the business transaction sends, however many messages',
  addVsHandInsert:
    'latency that add() adds to the business transaction, over what a hand-written insert of the same row adds',
  txOverhead: 'p50 of the business transaction with add(), over that without',
  latencyP50Ms: 'ms from the commit to the confirm at 500 messages a second, p50',
  latencyP99Ms: 'the same, p99',
  emptyPollMsBlocked100k:
    'ms that the database takes for one look at 100,000 messages of 100 keys whose first message waits',
  orderViolations: 'messages of ours that arrived before an older one of their key, in all drains',
  lost: 'messages of ours that never arrived, in all drains',
  duplicates: 'messages of ours that arrived twice, in all drains',
};

export type Key = keyof typeof figures;
export type Run = BenchmarkRun<Key>;
