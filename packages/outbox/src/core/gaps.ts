/** Open intervals, in ascending order. An end that is missing is infinite. */
export interface Gaps {
  readonly after: (number | null)[];
  readonly before: (number | null)[];
}

/** What lies between numbers that are known: mostly few and long runs, so there are few gaps, however many numbers. */
export function gapsBetween(known: readonly number[]): Gaps {
  const after: (number | null)[] = [null];
  const before: (number | null)[] = [];
  let last: number | undefined;
  for (const seq of isAscending(known) ? known : known.toSorted((a, b) => a - b)) {
    if (last === undefined || seq > last + 1) {
      before.push(seq);
      if (last !== undefined) after.push(last);
    }
    last = seq;
  }
  if (last !== undefined) after.push(last);
  before.push(null);
  return { after, before };
}

function isAscending(seqs: readonly number[]): boolean {
  for (let i = 1; i < seqs.length; i += 1)
    if (!((seqs[i - 1] as number) < (seqs[i] as number))) return false;
  return true;
}
