import type { PlannedOrder } from '../load/plan.js';
import type { Counts } from './count.js';

export interface Verdict {
  /** Orders that lack their row, their charge or their mail. */
  readonly lost: number;
  /** Orders, charges and mails beyond one of each per planned order. */
  readonly doneTwice: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  /** For people: which orders, and what is wrong with them. */
  readonly problems: readonly string[];
}

const NAMED = 10;

/** Holds what customers wanted against what the databases say became of it. */
export function judge(planned: readonly PlannedOrder[], counts: Counts): Verdict {
  const missing: string[] = [];
  const wanted = new Set(planned.map(({ reference }) => reference));
  for (const reference of wanted) {
    const fate = counts.fates.get(reference);
    const lacks = !fate
      ? 'order'
      : [fate.charges === 0 && 'charge', fate.mails === 0 && 'mail'].filter(Boolean).join(' and ');
    if (lacks) missing.push(`${reference} has no ${lacks}`);
  }
  const excess: string[] = [];
  let doneTwice = 0;
  for (const [kind, total] of [
    ['orders', counts.orders],
    ['charges', counts.charges],
    ['mails', counts.mails],
  ] as const) {
    // Whatever is beyond one per wanted order is too much, and so is what belongs to no wanted order at all.
    const due = [...wanted].filter((reference) => (counts.fates.get(reference)?.[kind] ?? 0) > 0);
    doneTwice += total - due.length;
    if (total > due.length) excess.push(`too many ${kind}: ${total - due.length}`);
  }
  const latencies = [...counts.fates.values()]
    .flatMap(({ latenciesMs }) => latenciesMs)
    .sort((a, b) => a - b);
  return {
    lost: missing.length,
    doneTwice,
    p50Ms: percentile(latencies, 0.5),
    p95Ms: percentile(latencies, 0.95),
    problems: [...excess, ...shortened(missing)],
  };
}

function shortened(lines: readonly string[]): string[] {
  const rest = lines.length - NAMED;
  return rest > 0 ? [...lines.slice(0, NAMED), `… and ${rest} more`] : [...lines];
}

/** Nearest rank; null of nothing. */
function percentile(sorted: readonly number[], share: number): number | null {
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  return value === undefined ? null : Math.round(value);
}
