export { IdempotencyModule, type IdempotencyModuleExtras } from './idempotency.module.js';
export { Idempotent } from './idempotent.decorator.js';
export {
  IdempotencyService,
  type IdempotencyKey,
  type KeyOwner,
  type PurgeRequest,
  type RunIdempotentOptions,
} from './idempotency.service.js';
export type { BatchOutcome, RunBatchOptions } from './stage/batch-call.js';
export { IdempotencyInfo } from './idempotency-info.js';
export { IdempotencyEvents } from './observability/idempotency-events.js';
export type {
  IdempotencyCallEvent,
  IdempotencyEvent,
  IdempotencyLeaseLostEvent,
  IdempotencyOutcome,
  IdempotencyPurgedEvent,
  IdempotencyPurgeFailedEvent,
} from './observability/event.js';
export type {
  CallKind,
  IdempotencyDefaults,
  IdempotencyMode,
  IdempotencyModuleOptions,
  IdempotentOptions,
  KeyCall,
  KeySource,
  Principal,
  PrincipalResolver,
  PurgeOptions,
} from './idempotency.options.js';
export type { Duration } from './core/duration.js';
export type { EncryptionKey, EncryptionOptions } from './core/sealing.js';
export * from './idempotency.errors.js';

export {
  PostgresIdempotencyStore,
  type PostgresIdempotencyStoreOptions,
} from './stores/postgres/postgres.store.js';
export type { PgListenerFactory, PgListenerLike } from './stores/postgres/postgres.notices.js';
export {
  MariaDbIdempotencyStore,
  type MariaDbIdempotencyStoreOptions,
} from './stores/mariadb/mariadb.store.js';
export {
  RedisIdempotencyStore,
  type RedisIdempotencyStoreOptions,
} from './stores/redis/redis.store.js';
export type {
  IoRedisLike,
  IoRedisSubscriberLike,
  NodeRedisLike,
  NodeRedisSubscriberLike,
  RedisLike,
  RedisSubscriberLike,
} from './stores/redis/redis-client.js';
export { InMemoryIdempotencyStore } from './stores/memory/in-memory.store.js';

// For whoever writes another store
export type {
  AttemptsLeft,
  Claim,
  ClaimRequest,
  IdempotencyStore,
  LeaseState,
  LeaseTerms,
  SqlIdempotencyStore,
  StoredRecord,
  StoreFinding,
  StoreStats,
  TablesVersion,
  TransactionalClaims,
} from './core/store.js';
