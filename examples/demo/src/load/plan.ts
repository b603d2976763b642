import { createHash } from 'node:crypto';

/** One order that a customer wants to place, once, and the way the customer goes about it. */
export interface PlannedOrder {
  /** The customer's own name for it; never twice in one run. */
  readonly reference: string;
  readonly customerId: string;
  readonly amountCents: number;
  readonly idempotencyKey: string;
  /** How often the request is sent: 1 to 3 times. */
  readonly sends: number;
  /** All at once, or the next one after the answer to the last. */
  readonly atOnce: boolean;
}

/** The mail provider refuses mails to him, until somebody sees to it. Has the second order. */
export const REFUSED_CUSTOMER = 'customer-refused';

/** The same seed gives the same orders. */
export function plan(run: string, count: number, seed: number): PlannedOrder[] {
  return Array.from({ length: count }, (_, index) => {
    const dice = createHash('sha256').update(`${seed}/${index}`).digest();
    const number = String(index + 1).padStart(6, '0');
    return {
      reference: `R-${number}`,
      customerId: index === 1 ? REFUSED_CUSTOMER : `customer-${dice.readUInt8(0) % 50}`,
      amountCents: 100 + (dice.readUInt16BE(1) % 50_000),
      idempotencyKey: `${run}-${number}`,
      sends: 1 + (dice.readUInt8(3) % 3),
      atOnce: dice.readUInt8(4) % 2 === 0,
    };
  });
}
