import { DemoFailure } from '../until.js';
import type { Customer, Placed } from './customer.js';
import type { PlannedOrder } from './plan.js';

/** Customers who order at the same time. */
const AT_A_TIME = 16;

/**
 * Places all orders, some at a time. `before` is awaited before each order with the number of orders begun so far: that is
 * where faults find their moment. Resolves with every answer, by the order's reference.
 */
export async function placeAll(
  orders: readonly PlannedOrder[],
  customer: Customer,
  before: (begun: number) => Promise<void>,
): Promise<ReadonlyMap<string, readonly Placed[]>> {
  const answers = new Map<string, readonly Placed[]>();
  let begun = 0;
  const oneAfterAnother = async (): Promise<void> => {
    for (let order = orders[begun]; order; order = orders[begun]) {
      begun += 1;
      await before(begun - 1);
      answers.set(order.reference, await customer.place(order));
    }
  };
  const done = await Promise.allSettled(Array.from({ length: AT_A_TIME }, oneAfterAnother));
  const failed = done.find((one) => one.status === 'rejected');
  if (failed) throw asFailure(failed.reason);
  return answers;
}

function asFailure(reason: unknown): unknown {
  if (!(reason instanceof Error) || reason.name === 'AbortError') return reason;
  return new DemoFailure(reason.message, { cause: reason });
}
