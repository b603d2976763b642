export { Outbox, type AddOptions } from './outbox.js';
export {
  OutboxAdmin,
  type DoctorOptions,
  type MoveOptions,
  type ReplayOptions,
} from './admin/outbox-admin.js';
export { OutboxEvents } from './observability/outbox-events.js';
export type {
  CountByType,
  OutboxAddedEvent,
  OutboxDownEvent,
  OutboxActivity,
  OutboxHeldBackEvent,
  OutboxLanesEvent,
  OutboxMovedEvent,
  OutboxParkedEvent,
  OutboxPublishedEvent,
  OutboxSuspectedEvent,
  OutboxUpEvent,
} from './observability/event.js';
export type { BrokerInfo } from './observability/broker-info.js';
export {
  OutboxHealthIndicator,
  type OutboxHealthOptions,
  type OutboxHealthReport,
  type OutboxHealthResult,
} from './health/outbox-health-indicator.js';
export type { OutboxMessage } from './message/outbox-message.js';
export {
  OutboxEvent,
  type OutboxEventAmongMessages,
  type OutboxEventInstance,
  type OutboxEventOptions,
} from './message/outbox-event.js';
export { OutboxModule } from './outbox.module.js';
export {
  DEFAULT_OUTBOX,
  getOutboxAdminToken,
  getOutboxEventsToken,
  getOutboxHealthToken,
  getOutboxRelayToken,
  getOutboxToken,
  InjectOutbox,
  InjectOutboxAdmin,
  InjectOutboxEvents,
  InjectOutboxHealth,
  InjectOutboxRelay,
} from './outbox.tokens.js';
export type {
  OutboxModuleExtras,
  OutboxModuleOptions,
  OutboxPublisher,
  RelayOptions,
  RetryOptions,
} from './outbox.options.js';
export type { Duration } from '@acme/nest-message-context/kit';
export { OutboxRelay, type RelayRun } from './relay/outbox-relay.js';
export { PostgresOutboxStore } from './stores/postgres/postgres.store.js';
export type { PostgresOutboxStoreOptions } from './stores/postgres/postgres.options.js';
export type { PgListenerFactory, PgListenerLike } from './wakeup/pg-listener-like.js';
export { MariaDbOutboxStore } from './stores/mariadb/mariadb.store.js';
export type { MariaDbOutboxStoreOptions } from './stores/mariadb/mariadb.options.js';
export {
  ClientProxyPublisher,
  type ClientProxyLike,
  type ClientProxyPublisherOptions,
} from './publishers/client-proxy-publisher.js';
export {
  OutboxClientProxy,
  provideOutboxClientProxy,
  type OutboxClientProxyOptions,
} from './drop-in/outbox-client-proxy.js';
export {
  OutboxAmqpConnection,
  provideOutboxAmqpConnection,
  type OutboxAmqpConnectionOptions,
} from './drop-in/outbox-amqp-connection.js';
export * from './outbox.errors.js';

// For whoever writes another store
export {
  OutboxStore,
  type ClaimedLane,
  type EntryRules,
  type HeldLane,
  type OutboxOperations,
  type Promoted,
  type ReadOptions,
  type Redriven,
  type Tended,
  type WaitingRead,
} from './contracts/outbox-store.js';
export type {
  Due,
  MessageContent,
  NewMessage,
  OutboxStatus,
  ParkedFilter,
  ParkedMessage,
  PublishedFilter,
  PublishedMessage,
  StoredEntry,
  StoredMessage,
} from './contracts/messages.js';
export type { Failure, FailureRecord, HeldBack, Parked } from './core/settle-plan.js';
export type { SqlOutboxStore } from './contracts/sql-outbox-store.js';
export type {
  ClockReading,
  LapsedLease,
  OutboxExamination,
  OutboxFinding,
  Route,
  TablesVersion,
} from './contracts/examination.js';
export type { WakeUpEvents, WakeUpListener, WakeUps } from './contracts/wake-ups.js';
