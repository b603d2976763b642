const BRAND = Symbol.for('@acme/nest-rabbitmq:error');

/** Stable codes of everything this package throws by itself. */
export type RabbitMqErrorCode =
  | 'RABBITMQ_CONFIGURATION'
  | 'RABBITMQ_SETTLING_FAILED'
  | 'RABBITMQ_QUEUE_UNAVAILABLE'
  | 'RABBITMQ_INTERRUPTED';

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
