import type { HeldLane } from '../../contracts/outbox-store.js';
import { json } from './mariadb.text.js';

/** In the order in which lanes are locked. */
export function proofs(held: readonly HeldLane[]): string {
  return json(held.map((one) => [one.lane, one.token]).sort(([one], [other]) => one! - other!));
}
