import type { Client } from '../consumers/consumers.js';
import type { Unsettled } from '../consumers/unsettled.js';

/** Decides when a delivery is handed to whoever consumes it, if at all. */
export interface DeliveryGate {
  /** Calls `handOver` now, later, or never: then it sees to the delivery itself. */
  enter(unsettled: Unsettled, handOver: () => void): void;
  /** It was settled, or lost with its channel. */
  leave(unsettled: Unsettled): void;
  /** The consumer ends: one that waits here is not handed over any more. Returns whether it was one of those. */
  withdraw(unsettled: Unsettled): boolean;
  /** One client closes, or all do: what dies from now on has not died of a message of its. */
  release(client?: Client): void;
}

/** Hands over everything as it comes. */
export const openGate: DeliveryGate = {
  enter: (_unsettled, handOver) => handOver(),
  leave: () => {},
  withdraw: () => false,
  release: () => {},
};
