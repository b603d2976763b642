import {
  STATUS,
  statusOfRpcError,
  type ErrorStatus,
  type RpcErrorBody,
} from '@acme/nest-message-context';
import type { TopologyPlan } from './topology/topology.types.js';

const BRAND = Symbol.for('@acme/nest-rabbitmq:error');

/** Stable codes of everything this package throws by itself. */
export type RabbitMqErrorCode =
  | 'RABBITMQ_CONFIGURATION'
  | 'RABBITMQ_SETTLING_FAILED'
  | 'RABBITMQ_QUEUE_UNAVAILABLE'
  | 'RABBITMQ_INTERRUPTED'
  | 'RABBITMQ_RPC_FAILED'
  | 'RABBITMQ_RPC_TIMEOUT'
  | 'RABBITMQ_RPC_UNROUTABLE'
  | 'RABBITMQ_TOPOLOGY_MISMATCH';

/** Base of this package's errors. */
export abstract class RabbitMqError extends Error {
  abstract readonly code: RabbitMqErrorCode;
  readonly [BRAND] = true;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** True for an error of this package, also of another installed copy of it; `code` narrows it to one kind. */
export function isRabbitMqError(error: unknown, code?: RabbitMqErrorCode): boolean {
  if (typeof error !== 'object' || error === null || !(BRAND in error)) return false;
  return code === undefined || (error as Partial<RabbitMqError>).code === code;
}

/** Options are wrong. The message lists every problem with its remedy. */
export class RabbitMqConfigurationError extends RabbitMqError {
  readonly code = 'RABBITMQ_CONFIGURATION';

  /** @param where whose options they are */
  constructor(
    readonly problems: readonly string[],
    where = 'RabbitMqModule',
  ) {
    super(`${where} is not configured correctly:\n- ${problems.join('\n- ')}`);
  }
}

/** A message could not be brought to a wait queue or a dead-letter queue. Logged, never thrown at you: the delivery goes back to its queue. */
export class SettlingFailedError extends RabbitMqError {
  readonly code = 'RABBITMQ_SETTLING_FAILED';
}

/** A dead-letter queue is not there, or cannot be looked into as it is. The message says why, and what to do. */
export class QueueUnavailableError extends RabbitMqError {
  readonly code = 'RABBITMQ_QUEUE_UNAVAILABLE';
}

/** The broker was lost, or did not answer, while messages were held: they are back in their queue. */
export class InterruptedError extends RabbitMqError {
  readonly code = 'RABBITMQ_INTERRUPTED';
  /** What was done until then, where something may have been: the result that the call would have had. */
  report: unknown;
}

/** A request was answered with an error. What is thrown on, over whatever transport, keeps its meaning. */
export class RpcError extends RabbitMqError {
  readonly code = 'RABBITMQ_RPC_FAILED';
  /** Why, in a stable word of the service that was asked: `OUT_OF_STOCK`. */
  readonly reason: string;
  /** HTTP status code, 400–599. */
  readonly statusCode: number;
  /** Milliseconds after which another attempt makes sense; undefined where nobody has said. */
  readonly retryAfterMs: number | undefined;
  /** The answer as it came: it may say more. */
  readonly answer: unknown;
  readonly [STATUS]: ErrorStatus;

  constructor(body: RpcErrorBody, answer: unknown = body) {
    super(body.message);
    this.reason = body.code;
    this.statusCode = body.statusCode;
    this.retryAfterMs = body.retryAfterMs;
    this.answer = answer;
    this[STATUS] = statusOfRpcError(body);
  }
}

/** A request was not answered in time. It may have been handled all the same, or be handled yet. */
export class RpcTimeoutError extends RabbitMqError {
  static readonly status: ErrorStatus = { http: 504, grpc: 4, reason: 'RPC_TIMEOUT' };
  readonly code = 'RABBITMQ_RPC_TIMEOUT';
  readonly [STATUS] = RpcTimeoutError.status;

  /** @param afterMs 0 where there was no time left to ask */
  constructor(name: string, afterMs: number) {
    super(
      afterMs > 0
        ? `"${name}" was not answered within ${afterMs} ms. It may have been handled all the same: ask again only where that does no ` +
            'harm (@Idempotent). Look whether its queue is consumed, and how long it is; or give it more time.'
        : `"${name}" was not asked: the deadline of the message that is being handled has passed.`,
    );
  }
}

/** A request came to no queue: it was certainly not handled. */
export class RpcUnroutableError extends RabbitMqError {
  readonly code = 'RABBITMQ_RPC_UNROUTABLE';
  readonly [STATUS]: ErrorStatus = { http: 503, grpc: 14, reason: 'RPC_UNROUTABLE' };

  constructor(name: string) {
    super(
      `"${name}" came to no queue, so nobody has handled it. Start the service that declares its queue, or look at the exchange and the ` +
        'routing key that it is sent with.',
    );
  }
}

/** Exchanges, queues or bindings are not as they were declared. The message names all that differs, with what to do; nothing was deleted. */
export class TopologyMismatchError extends RabbitMqError {
  readonly code = 'RABBITMQ_TOPOLOGY_MISMATCH';

  /** @param plan everything that is wanted, with what was found of each */
  constructor(
    readonly plan: TopologyPlan,
    text: string,
  ) {
    super(`The broker does not have the topology that is wanted:\n${text}`);
  }
}
