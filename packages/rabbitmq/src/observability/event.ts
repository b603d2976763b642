/** How a delivery was settled in the end. */
export type SettleOutcome =
  /** Done, or discarded. */
  | 'acked'
  /** It is in a wait queue, and comes again. */
  | 'retried'
  /** It is in a dead-letter queue. */
  | 'parked'
  /** Given back to its queue. */
  | 'requeued'
  /** Refused without a reason of ours: its queue dead-letters it, or the broker has dropped it. */
  | 'rejected'
  /** Its channel was closed before it was settled: the broker delivers it again. */
  | 'lost';

interface Told {
  readonly at: Date;
  /** Undefined where the server has named it. */
  readonly queue: string | undefined;
}

/** A delivery was settled. Each has exactly one such event. */
export interface RabbitMqSettledEvent extends Told {
  readonly type: SettleOutcome;
  /** `messageId` and `type` of AMQP. */
  readonly messageId: string | undefined;
  readonly messageType: string | undefined;
  /** `Class.method`; undefined where it came to none. */
  readonly handler: string | undefined;
  /** 1 is the first delivery. */
  readonly attempt: number;
  /** From when its turn came until its handler had ended, guards and pipes included. */
  readonly durationMs: number;
  /** In its queue before; undefined where nobody can say: see `docs/reference/rabbitmq-metrics.md`. */
  readonly queueWaitMs: number | undefined;
  /** Why it was parked: the code that is in `x-error-code`. */
  readonly parkedFor: string | undefined;
  /** How long it waits until it comes again, where it was retried. */
  readonly retryAfterMs: number | undefined;
  /** `code` of the error that its handler has thrown, or the name of its class. Never a message: those may tell anything. */
  readonly errorCode: string | undefined;
}

/** A queue is no longer consumed: the broker has ended its consumer (`cancelled`), or the connection was lost. */
export interface RabbitMqConsumerLostEvent extends Told {
  readonly type: 'consumer_lost';
  readonly reason: 'cancelled' | 'connection_lost';
}

/** It is consumed again. */
export interface RabbitMqConsumerBackEvent extends Told {
  readonly type: 'consumer_back';
  readonly lostMs: number;
}

/** For a minute every message that the prefetch allows was in work, and each took longer and longer. */
export interface RabbitMqSlowConsumerEvent extends Told {
  readonly type: 'slow_consumer';
  readonly prefetch: number;
  /** How long a message took when that began. */
  readonly beforeMs: number;
  /** And now. */
  readonly nowMs: number;
}

/** The application has shut down before these messages were settled: the broker delivers them again. One event for each queue. */
export interface RabbitMqAbandonedEvent extends Told {
  readonly type: 'drain_abandoned';
  readonly count: number;
}

/** The number of a message is not the one that comes next of its key: see `sequence` of `@RmqOrdered()`. */
export interface RabbitMqOutOfSequenceEvent extends Told {
  readonly type: 'out_of_sequence';
  /** Numbers before it have not come; it is one of those and comes late; it was handled before. */
  readonly finding: 'gap' | 'late' | 'duplicate';
  readonly number: number;
  /** How many numbers have not come, where that is what was found. */
  readonly missing: number | undefined;
}

/** A message was parked, and what follows of its key is parked behind it: see `'park-key'` of `@RmqOrdered()`. */
export interface RabbitMqKeyStoppedEvent extends Told {
  readonly type: 'key_stopped';
  readonly messageId: string | undefined;
}

/** All that was parked of a key was redriven and handled. */
export interface RabbitMqKeyResumedEvent extends Told {
  readonly type: 'key_resumed';
}

/** What `RabbitMqEvents` and the channels tell. Nothing in it tells a routing key, a header or what a message carries. */
export type RabbitMqEvent =
  | RabbitMqSettledEvent
  | RabbitMqConsumerLostEvent
  | RabbitMqConsumerBackEvent
  | RabbitMqSlowConsumerEvent
  | RabbitMqAbandonedEvent
  | RabbitMqOutOfSequenceEvent
  | RabbitMqKeyStoppedEvent
  | RabbitMqKeyResumedEvent;

/** Every type there is; a type that is missing here does not compile. */
export const EVENT_TYPES = Object.keys({
  acked: 0,
  retried: 0,
  parked: 0,
  requeued: 0,
  rejected: 0,
  lost: 0,
  consumer_lost: 0,
  consumer_back: 0,
  slow_consumer: 0,
  drain_abandoned: 0,
  out_of_sequence: 0,
  key_stopped: 0,
  key_resumed: 0,
} satisfies Record<RabbitMqEvent['type'], 0>) as readonly RabbitMqEvent['type'][];
