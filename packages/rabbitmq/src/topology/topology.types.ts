import type { Duration } from '@acme/nest-message-context/kit';
import type { Difference } from '../core/declaration-differences.js';
import type { TopologyRemedy } from '../core/topology-remedy.js';
import type { AmqpTakingConnectionLike } from '../publisher/amqp-like.js';

/** An exchange that is to be there. */
export interface WantedExchange {
  readonly name: string;
  /** `'topic'`, `'direct'`, `'fanout'`, `'headers'`, or one of a plugin. */
  readonly type: string;
  /** @default true */
  readonly durable?: boolean | undefined;
  /**
   * Whether it goes when nothing is bound to it any more.
   * @default false
   */
  readonly autoDelete?: boolean | undefined;
  /**
   * Whether only other exchanges may publish to it.
   * @default false
   */
  readonly internal?: boolean | undefined;
  /** As the broker names them: `alternate-exchange`. */
  readonly arguments?: Readonly<Record<string, unknown>> | undefined;
}

/** A queue that is to be there. One that is exclusive goes with its connection: its consumer declares it, and it is none of these. */
export interface WantedQueue {
  readonly name: string;
  /** @default true */
  readonly durable?: boolean | undefined;
  /**
   * Whether it goes when its last consumer has ended.
   * @default false
   */
  readonly autoDelete?: boolean | undefined;
  /** As the broker names them: `x-queue-type`, `x-message-ttl`. */
  readonly arguments?: Readonly<Record<string, unknown>> | undefined;
}

/** What brings messages from an exchange to a queue, or to another exchange. */
export interface WantedBinding {
  /** The exchange that messages come from. */
  readonly source: string;
  /** The queue that they come to; else `exchange`. */
  readonly queue?: string | undefined;
  /** The exchange that they come to; else `queue`. */
  readonly exchange?: string | undefined;
  /** @default '' */
  readonly routingKey?: string | undefined;
  readonly arguments?: Readonly<Record<string, unknown>> | undefined;
}

/** Exchanges, queues and bindings, as plain data: one file can be read by the application, its tests and the command line. */
export interface WantedTopology {
  readonly exchanges?: readonly WantedExchange[] | undefined;
  readonly queues?: readonly WantedQueue[] | undefined;
  readonly bindings?: readonly WantedBinding[] | undefined;
}

/** Options of `new Topology()`. */
export interface TopologyOptions extends WantedTopology {
  /** Opens a connection, for one call alone: `() => amqplib.connect(url)`. It is closed again. */
  readonly connect: () => PromiseLike<AmqpTakingConnectionLike>;
  /**
   * How long each answer of the broker may take.
   * @default '10s'
   */
  readonly timeout?: Duration | undefined;
}

/** The option `topology` of `RabbitMqModule.forRoot()`. */
export interface TopologyBootOptions extends WantedTopology {
  /**
   * What happens when the application starts, before it consumes. `'assert'`: what is missing is created, unless something differs: then
   * nothing is created and the application does not start. `'check'`: it does not start when something is missing or differs; for
   * topologies that are deployed by others. `'off'`: nothing; whoever wants calls `Topology` himself.
   * @default 'assert'
   */
  readonly mode?: 'assert' | 'check' | 'off' | undefined;
}

/** One thing that is declared otherwise than it is, and the safe way to mend it. */
export interface TopologyDifference extends Difference {
  readonly remedy: TopologyRemedy;
}

/** What was found of one exchange, queue or binding. */
export interface TopologyEntry {
  readonly kind: 'exchange' | 'queue' | 'binding';
  /** Of a binding: `source -> destination (routing key)`. */
  readonly name: string;
  /**
   * `present`: as wanted. `created`: by this call. `missing`: there is none; of a binding: one of its ends is missing. `different`: see
   * `differences`. `refused`: the broker does not let this user look, or cannot make it; see `reason`. `unseen`: a binding between two that
   * are there; AMQP has no question for bindings, and binding once more changes nothing.
   */
  readonly state: 'present' | 'created' | 'missing' | 'different' | 'refused' | 'unseen';
  readonly differences: readonly TopologyDifference[];
  /** What to do about the differences, step by step. */
  readonly steps: readonly string[];
  /** Where there is more to say. */
  readonly reason?: string | undefined;
}

/** What is wanted, and what of it is there: exchanges, then queues, then bindings, each in the order of the declaration. */
export interface TopologyPlan {
  readonly entries: readonly TopologyEntry[];
}
