import type { HeldLane } from '../../contracts/outbox-store.js';

/** As two columns, for a statement. */
export function lanesAndTokens(held: readonly HeldLane[]): [number[], number[]] {
  return [held.map(({ lane }) => lane), held.map(({ token }) => token)];
}
