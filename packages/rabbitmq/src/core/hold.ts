/** Nothing is held longer: short of what brokers give a consumer for a delivery, which is half an hour as a rule. */
export const LONGEST_HOLD_MS = 10 * 60_000;
