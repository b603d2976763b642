import type { Scenario } from './scenario.js';
import {
  handlerThrows,
  nowhereToGo,
  poison,
  requestFails,
  unknownPattern,
} from './scenarios/failing.js';
import { order } from './scenarios/order.js';
import {
  brokerRestarts,
  connectionCut,
  doubleAck,
  loopBlocked,
  queueDeleted,
  terminated,
} from './scenarios/outages.js';

/** What goes wrong, in the order of the table. */
export const scenarios: readonly Scenario[] = [
  handlerThrows,
  poison,
  unknownPattern,
  nowhereToGo,
  requestFails,
  connectionCut,
  brokerRestarts,
  queueDeleted,
  terminated,
  loopBlocked,
  doubleAck,
  order,
];
