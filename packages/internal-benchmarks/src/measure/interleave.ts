/** Something to measure: does its work once and gives the sample (µs per operation, operations per second, …). */
export type Subject = () => number | Promise<number>;

/** How many rounds count, and how many are run before them for the compiler and the caches. */
export interface Rounds {
  readonly rounds: number;
  /** @default 1 */
  readonly warmup?: number;
}

/**
 * Measures several subjects round by round, each once per round and always in the same order, so that a machine that
 * gets slower or faster meanwhile does so for all of them. Gives the samples of the rounds that count, by subject.
 */
export async function interleave<Name extends string>(
  subjects: Readonly<Record<Name, Subject>>,
  { rounds, warmup = 1 }: Rounds,
): Promise<Record<Name, number[]>> {
  const all = Object.entries<Subject>(subjects) as [Name, Subject][];
  const samples = Object.fromEntries(all.map(([name]) => [name, []])) as unknown as Record<
    Name,
    number[]
  >;
  for (let round = -warmup; round < rounds; round += 1) {
    for (const [name, subject] of all) {
      const sample = await subject();
      if (round >= 0) samples[name].push(sample);
    }
  }
  return samples;
}
