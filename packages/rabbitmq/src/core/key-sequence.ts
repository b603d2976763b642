/** From and to, both included. */
export type Span = readonly [from: number, to: number];

/** What is known of the numbers of a key. */
export interface KeySequence {
  /** The highest that was handled or parked. */
  readonly last: number;
  /** Those below it that were not handled: they never came, or are parked. Ascending, none touches another. */
  readonly missing: readonly Span[];
}

/**
 * What the number of a message says: it is the one that comes next, numbers before it have not come (`gap`), it is one of those that had
 * not come (`late`), or it has been handled (`duplicate`).
 */
export type SequenceFinding =
  | { readonly finding: 'next' | 'late' | 'duplicate' }
  | { readonly finding: 'gap'; readonly missing: Span };

/** Holes of a sequence that is full of them are not all worth remembering: without the oldest, what comes late looks like a copy. */
const REMEMBERED = 64;

/** @param known undefined: whatever comes is the first */
export function findingOf(known: KeySequence | undefined, number: number): SequenceFinding {
  if (!known || number === known.last + 1) return { finding: 'next' };
  if (number > known.last + 1) return { finding: 'gap', missing: [known.last + 1, number - 1] };
  const isMissing = known.missing.some(([from, to]) => from <= number && number <= to);
  return { finding: isMissing ? 'late' : 'duplicate' };
}

/** Once this number is through. Where it was parked it is missing, until it is redriven. */
export function sequenceAfter(
  known: KeySequence | undefined,
  number: number,
  how: 'handled' | 'parked',
): KeySequence {
  const { last = number - 1, missing = [] } = known ?? {};
  const skipped: Span[] = number > last + 1 ? [[last + 1, number - 1]] : [];
  const holes = without(number, [...missing, ...skipped]);
  // A copy that fails says nothing about the message that was handled before.
  const isOpen = how === 'parked' && findingOf(known, number).finding !== 'duplicate';
  return {
    last: Math.max(last, number),
    missing: (isOpen ? joined([...holes, [number, number]]) : holes).slice(-REMEMBERED),
  };
}

function without(number: number, spans: readonly Span[]): Span[] {
  return spans.flatMap((span): Span[] => {
    const [from, to] = span;
    if (number < from || number > to) return [span];
    const parts: Span[] = [
      [from, number - 1],
      [number + 1, to],
    ];
    return parts.filter(([first, last]) => first <= last);
  });
}

function joined(spans: readonly Span[]): Span[] {
  const all: Span[] = [];
  for (const [from, to] of [...spans].sort(([a], [b]) => a - b)) {
    const before = all.at(-1);
    if (before && from <= before[1] + 1) all[all.length - 1] = [before[0], Math.max(before[1], to)];
    else all.push([from, to]);
  }
  return all;
}
