/** What the service is told about the servers it uses, and what is its own there. */
export interface Config {
  readonly amqpUrl: string;
  /** The topic exchange that events go to. */
  readonly exchange: string;
  /** The queue that this service reads. */
  readonly queue: string;
  /** Gets the messages that cannot be handled. */
  readonly deadLetterExchange: string;
  /** The PostgreSQL schema of the keys; created if it is not there. */
  readonly idempotencySchema: string;
}

export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  return {
    amqpUrl: environment['AMQP_URL'] ?? 'amqp://guest:guest@localhost:5672',
    exchange: environment['EVENTS_EXCHANGE'] ?? 'shop',
    queue: environment['QUEUE'] ?? 'billing',
    deadLetterExchange: environment['DEAD_LETTER_EXCHANGE'] ?? 'dead',
    idempotencySchema: environment['IDEMPOTENCY_SCHEMA'] ?? 'idempotency',
  };
}
