import type { Customer, Placed } from './customer.js';
import type { PlannedOrder } from './plan.js';

/** Customers who order at the same time. */
const AT_A_TIME = 16;

export interface Sold {
  /** Every answer, by the order's reference. */
  readonly answers: ReadonlyMap<string, readonly Placed[]>;
  /** Why not all orders could be placed, in words. */
  readonly problems: readonly string[];
}

/**
 * Places all orders, some at a time. `before` is awaited before each order with the number of orders begun so far: that is
 * where faults find their moment. After the first order that cannot be placed no further one is begun.
 */
export async function placeAll(
  orders: readonly PlannedOrder[],
  customer: Customer,
  before: (begun: number) => Promise<void>,
): Promise<Sold> {
  const answers = new Map<string, readonly Placed[]>();
  const problems: string[] = [];
  let begun = 0;
  const oneAfterAnother = async (): Promise<void> => {
    for (let order = orders[begun]; order && problems.length === 0; order = orders[begun]) {
      begun += 1;
      try {
        await before(begun - 1);
        answers.set(order.reference, await customer.place(order));
      } catch (error) {
        problems.push(`${order.reference} could not be placed: ${String(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, oneAfterAnother));
  return { answers, problems };
}
