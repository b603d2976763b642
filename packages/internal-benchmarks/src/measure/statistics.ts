/** The middle value; of an even count the mean of the two in the middle. */
export function median(samples: readonly number[]): number {
  const sorted = ascending(samples);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** The smallest sample that at least the share `p` (0 to 1) of all samples does not exceed (nearest rank). */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = ascending(samples);
  const rank = Math.max(1, Math.ceil(p * sorted.length));
  return sorted[rank - 1] as number;
}

function ascending(samples: readonly number[]): number[] {
  if (samples.length === 0) throw new RangeError('There are no samples to summarise.');
  // A plain sort compares as text.
  return [...samples].sort((a, b) => a - b);
}

/** The median of the rounds' ratios: what slows the machine down for a while slows down both sides of one round. */
export const medianRatio = (ones: readonly number[], others: readonly number[]): number =>
  median(ones.map((one, round) => one / (others[round] as number)));
