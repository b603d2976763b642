import type { Outcome } from './scenario.js';

/** Everything was handled, and nothing is anywhere else. */
export const nothingLost = ({ lost, left, parked }: Outcome): boolean => lost + left + parked === 0;

/** And nothing of it was handled twice. */
export const allOnce = (outcome: Outcome): boolean =>
  nothingLost(outcome) && outcome.duplicated === 0;
