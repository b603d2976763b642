import type { BenchmarkRun } from '../../benchmark.js';
import { median, percentile } from '../../measure/statistics.js';

/** The keys of the figures, each with its meaning. */
export const figures = {
  redisCommandsFirst: 'commands that a first call sends to Redis, by MONITOR',
  redisCommandsReplay: 'commands that a replay sends to Redis, by MONITOR',
  pgTxExtraStatementsVoid:
    'statements that a first call without a reply adds to the business transaction',
  pgTxExtraStatementsReply:
    'statements that a first call with a reply adds to the business transaction',
  pgTxExtraCommits: 'commits that a first call adds to that of the business transaction',
  redisFirstVsRaw:
    'p50 of a first service.run() over p50 of the two bare scripts, same client, one by one',
  pgTxVsSnippet:
    "latency that a first call without a reply adds to the bare transaction, over what the seed document's snippet adds",
  pgTxReplyVsSnippet: 'the same with a reply that is stored; the snippet stores none',
  vsNodeIdempotencyFirst:
    'p50 of a first HTTP call over that with @node-idempotency/nestjs, Redis; the worse of 1 and 64 concurrent',
  vsPowertoolsFirst:
    'p50 of a first service.run() over that of makeIdempotent(), Redis; the worse of 1 and 64 concurrent',
  memoryOverheadMicros: 'µs of CPU that a first service.run() in memory adds to a bare call',
};

export type Key = keyof typeof figures;
export type Run = BenchmarkRun<Key>;

/** What the p50 of a subject, or what it adds, is compared with. */
export interface Ratio {
  readonly ratio: number;
  readonly over: string;
}

/** Adds the row of one subject, in µs; samples are in ms. */
export function latencyRow(
  { row }: Run,
  subject: string,
  concurrent: number,
  samples: readonly number[],
  ratio?: Ratio,
): void {
  row(subject, {
    concurrent,
    calls: samples.length,
    p50Micros: Math.round(median(samples) * 1_000),
    p99Micros: Math.round(percentile(samples, 0.99) * 1_000),
    ...ratio,
  });
}

/** Adds the row that says what one call sends to its server. */
export const sentRow = ({ row }: Run, subject: string, sent: string): void =>
  row(subject, { sent });
