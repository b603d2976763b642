export { IdempotencyModule, type IdempotencyModuleExtras } from './idempotency.module.js';
export { Idempotent } from './idempotent.decorator.js';
export { IdempotencyService, type RunIdempotentOptions } from './idempotency.service.js';
export { IdempotencyInfo } from './idempotency-info.js';
export type {
  IdempotencyDefaults,
  IdempotencyMode,
  IdempotencyModuleOptions,
  IdempotentOptions,
  KeyCall,
  KeySource,
  PrincipalResolver,
} from './idempotency.options.js';
export type { Duration } from './core/duration.js';
export * from './idempotency.errors.js';

export {
  PostgresIdempotencyStore,
  type PostgresIdempotencyStoreOptions,
} from './stores/postgres.store.js';
export {
  RedisIdempotencyStore,
  type RedisIdempotencyStoreOptions,
  type RedisLike,
} from './stores/redis.store.js';
export { InMemoryIdempotencyStore } from './stores/in-memory.store.js';

// For whoever writes another store
export type {
  Claim,
  ClaimRequest,
  IdempotencyStore,
  LeaseState,
  LeaseStore,
  LeaseTerms,
  TransactionalStore,
} from './core/store.js';
