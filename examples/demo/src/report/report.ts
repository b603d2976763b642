import type { FaultCounts } from '../faults/faults.js';
import type { RefusalCounts } from '../faults/refusal.js';
import type { Answers } from '../load/customer.js';
import type { WireCounts } from '../world/wire-tap.js';
import type { Counts } from './count.js';
import type { Trail } from './trail.js';
import type { Verdict } from './verdict.js';

/** What a run was, in figures. `--json` prints it as it is. */
export interface Report {
  /** Orders that customers wanted to place. */
  readonly orders: number;
  readonly lost: number;
  readonly doneTwice: number;
  readonly seed: number;
  readonly seconds: number;
  readonly requestsSent: number;
  readonly ordersCreated: number;
  /** Orders that came by on `GET /orders/watch`. */
  readonly ordersWatched: number;
  /** Different events on the exchange. */
  readonly eventsAdded: number;
  /** Messages published to the exchange, by services and by the buggy producer. */
  readonly publishes: number;
  /** Deliveries that failed, and came again after a pause at the broker. */
  readonly retried: number;
  /** Deliveries that were given up, and are kept with the reason. */
  readonly parked: number;
  /** Of those, what was brought back once the cause was mended. */
  readonly redriven: number;
  /** Messages delivered to billing and notifications. */
  readonly deliveries: number;
  readonly charges: number;
  readonly mails: number;
  readonly duplicatesAbsorbed: DuplicatesAbsorbed;
  readonly orderToChargedMs: { readonly p50: number | null; readonly p95: number | null };
  readonly restarts: Readonly<Record<string, number>>;
  readonly faults: FaultCounts;
  readonly correlation: Trail | null;
  /** Why the run is no success, in words; empty when it is one. */
  readonly problems: readonly string[];
  /** The services' logs; they are kept when there are problems. */
  readonly logFolder: string | null;
}

/** Requests and deliveries that came in and had no effect, because the work had been done or was under way. */
interface DuplicatesAbsorbed {
  readonly gatewayReplayed: number;
  readonly gatewayInFlight: number;
  /** Got past the gateway, for instance because it had not stored the reply. */
  readonly orders: number;
  readonly billing: number;
  readonly notifications: number;
}

export interface Findings {
  readonly planned: number;
  readonly seed: number;
  readonly seconds: number;
  readonly answers: Answers;
  readonly watched: number;
  readonly events: number;
  readonly repeated: number;
  readonly wires: Readonly<Record<'orders' | 'billing' | 'notifications', WireCounts>>;
  readonly counts: Counts;
  readonly verdict: Verdict;
  readonly restarts: Readonly<Record<string, number>>;
  readonly faults: FaultCounts;
  readonly refusal: RefusalCounts;
  readonly trail: Trail | undefined;
  readonly problems: readonly string[];
  readonly logFolder: string;
}

export function reportOf(found: Findings): Report {
  const { answers, counts, verdict, wires } = found;
  const problems = [...verdict.problems, ...found.problems];
  return {
    orders: found.planned,
    lost: verdict.lost,
    doneTwice: verdict.doneTwice,
    seed: found.seed,
    seconds: found.seconds,
    requestsSent: answers.sent,
    ordersCreated: counts.orders,
    ordersWatched: found.watched,
    eventsAdded: found.events,
    publishes: wires.orders.publishes + wires.billing.publishes + found.repeated,
    retried: wires.billing.retries + wires.notifications.retries,
    parked: found.refusal.parked,
    redriven: found.refusal.redriven,
    deliveries: wires.billing.deliveries + wires.notifications.deliveries,
    charges: counts.charges,
    mails: counts.mails,
    duplicatesAbsorbed: {
      gatewayReplayed: answers.replayed,
      gatewayInFlight: answers.inFlight,
      orders: answers.placed - counts.orders,
      billing: effective(wires.billing) - counts.charges,
      notifications: effective(wires.notifications) - counts.mails,
    },
    orderToChargedMs: { p50: verdict.p50Ms, p95: verdict.p95Ms },
    restarts: found.restarts,
    faults: found.faults,
    correlation: found.trail ?? null,
    problems,
    logFolder: problems.length > 0 ? found.logFolder : null,
  };
}

/** An ack says that a delivery has had its effect, now or earlier; or that it is safe in another queue. */
const effective = ({ acks, retries, parks }: WireCounts): number => acks - retries - parks;

/** 0 only for a run that lost nothing, did nothing twice and left nothing lying about. */
export function exitCodeOf({ lost, doneTwice, problems }: Report): 0 | 1 {
  return lost === 0 && doneTwice === 0 && problems.length === 0 ? 0 : 1;
}
