import type { BrokerFacts } from '../core/broker-facts.js';
import type { DeclaredAs } from '../core/declaration-differences.js';
import type { HopQueue } from '../core/hop-queues.js';
import type {
  WantedBinding,
  WantedExchange,
  WantedQueue,
  WantedTopology,
} from './topology.types.js';

/** An exchange or a queue, in the broker's words. */
export interface Wanted {
  readonly kind: 'exchange' | 'queue';
  readonly name: string;
  readonly as: DeclaredAs;
  /** Whether one that exists with other arguments does as well. */
  readonly acceptsExisting: boolean;
}

function wantedExchange(exchange: WantedExchange): Wanted {
  const { name, type, durable = true, autoDelete = false, internal = false } = exchange;
  const as = { ...exchange.arguments, type, durable, auto_delete: autoDelete, internal };
  return { kind: 'exchange', name, as, acceptsExisting: false };
}

function wantedQueue({ name, durable = true, autoDelete = false, ...queue }: WantedQueue): Wanted {
  const as = { ...queue.arguments, durable, auto_delete: autoDelete };
  return { kind: 'queue', name, as, acceptsExisting: false };
}

function wantedHop(hop: HopQueue, facts: BrokerFacts): Wanted {
  const { name, acceptsExisting } = hop;
  return { ...wantedQueue({ name, arguments: hop.argumentsOn(facts) }), acceptsExisting };
}

/** Exchanges before queues: a queue may name one. */
export function everyWanted(
  { exchanges = [], queues = [] }: WantedTopology,
  hops: readonly HopQueue[],
  facts: BrokerFacts,
): Wanted[] {
  const named = new Set(queues.map(({ name }) => name));
  return [
    ...exchanges.map(wantedExchange),
    ...queues.map(wantedQueue),
    // What is said by hand goes before.
    ...hops.filter(({ name }) => !named.has(name)).map((hop) => wantedHop(hop, facts)),
  ];
}

/** As it is shown. */
export const bindingName = ({ source, queue, exchange, routingKey = '' }: WantedBinding): string =>
  `${source} -> ${queue ?? exchange} (${routingKey === '' ? 'no routing key' : routingKey})`;
