import type { Bookable } from './message-book.js';

/** All entries by their block, in their order. */
export function byBlock<Row extends Bookable>(rows: readonly Row[]): Map<string, Row[]> {
  const blocks = new Map<string, Row[]>();
  for (const row of rows) {
    const some = blocks.get(row.block);
    if (some) some.push(row);
    else blocks.set(row.block, [row]);
  }
  return blocks;
}

/**
 * Of what a dead relay had in memory, at most `limit` that it may have had under way: the first one of every block, then the
 * second ones, and so on, because a block's messages go out one after the other. In insertion order.
 */
export function foremost<Row extends Bookable>(rows: readonly Row[], limit: number): Row[] {
  const blocks = [...byBlock(rows).values()];
  const chosen: Row[] = [];
  for (let rank = 0; chosen.length < limit; rank += 1) {
    const next = blocks.flatMap((block) => block.slice(rank, rank + 1));
    if (next.length === 0) break;
    chosen.push(...next.slice(0, limit - chosen.length));
  }
  return chosen.sort((one, other) => one.seq - other.seq);
}
