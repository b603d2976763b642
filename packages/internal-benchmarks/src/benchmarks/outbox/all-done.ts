import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';

/** Tells when `count` messages are confirmed. */
export function counted(count: number) {
  let left = count;
  let resolve: () => void;
  const done = new Promise<void>((given) => (resolve = given));
  return {
    done,
    one: (): void => {
      if (--left === 0) resolve();
    },
  };
}

/** Resolves when the statement, a `select exists (…) as open`, finds nothing open any more. */
export async function nothingOpen(pool: pg.Pool, statement: string): Promise<void> {
  for (;;) {
    const { rows } = await pool.query<{ open: boolean }>(statement);
    if (!rows[0]?.open) return;
    await pause(5);
  }
}
