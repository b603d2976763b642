import { latencies } from './cost.js';

/** Does one operation; the index is new for every operation of this process, so that a key made of it is new, too. */
export type Operation = (index: number) => Promise<unknown>;

/** How much is measured. */
export interface Load {
  /** Rounds that count; in each, every subject has its turn. */
  readonly rounds: number;
  /** Operations of one turn. With 1, subjects take turns operation by operation. */
  readonly turn: number;
  /** Operations of a turn that are under way at a time. */
  readonly concurrent: number;
  /** Rounds before those that count. */
  readonly warmup: number;
}

let next = 0;

/**
 * The elapsed milliseconds of every single operation, by subject. Subjects take turns, and the order turns round with every
 * round: whatever the one before leaves behind (a busy server, garbage) meets each of them equally often.
 */
export async function alternate<Name extends string>(
  subjects: Readonly<Record<Name, Operation>>,
  { rounds, turn, concurrent, warmup }: Load,
): Promise<Record<Name, number[]>> {
  const order = Object.entries<Operation>(subjects) as [Name, Operation][];
  const samples = Object.fromEntries(order.map(([name]) => [name, []])) as unknown as Record<
    Name,
    number[]
  >;
  for (let round = -warmup; round < rounds; round += 1) {
    for (const [name, operation] of order) {
      const elapsed = await latencies(turn, concurrent, () => operation(next++));
      if (round >= 0) samples[name].push(...elapsed);
    }
    order.reverse();
  }
  return samples;
}
