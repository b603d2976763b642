export { Outbox, type AddOptions } from './outbox.js';
export { OutboxModule } from './outbox.module.js';
export type {
  OutboxModuleExtras,
  OutboxModuleOptions,
  RelayOptions,
  RetryOptions,
} from './outbox.options.js';
export type { Duration } from './core/duration.js';
export { OutboxRelay, type RelayRun } from './relay/outbox-relay.js';
export {
  PostgresOutboxStore,
  type PostgresOutboxStoreOptions,
} from './stores/postgres/postgres.store.js';
export {
  RabbitMqPublisher,
  type RabbitMqPublisherOptions,
} from './publishers/rabbitmq/rabbitmq-publisher.js';
export type {
  AmqpChannelLike,
  AmqpConfirmChannelLike,
  AmqpConnectionLike,
  AmqpPublishOptions,
} from './publishers/rabbitmq/amqp-like.js';
export * from './outbox.errors.js';

// For whoever writes another store
export {
  OutboxStore,
  type HeldLane,
  type NewMessage,
  type StoredMessage,
  type Tended,
  type WaitingRead,
} from './contracts/outbox-store.js';
export type { Failure, FailureRecord, HeldBack, Parked } from './core/settle-plan.js';
