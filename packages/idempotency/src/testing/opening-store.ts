import type { SqlIdempotencyStore, TransactionalClaims } from '../core/store.js';

/** The same store, which claims by its opening statement where it has one, as a transaction does that takes it along. */
export const claimingByOpening = (store: SqlIdempotencyStore): SqlIdempotencyStore =>
  new Proxy(store, {
    get: (target, key) => {
      if (key === 'inTransaction') return openingClaims(target.inTransaction);
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });

const openingClaims = (claims: TransactionalClaims): TransactionalClaims => ({
  claim: async (sql, request, ttlMs) => {
    const opening = claims.opening?.(request, ttlMs);
    const opened = opening === undefined ? undefined : await sql.query(opening);
    return claims.claim(sql, request, ttlMs, opened);
  },
  claimMany: (sql, requests, ttlMs) => claims.claimMany(sql, requests, ttlMs),
  settle: (sql, id, outcome) => claims.settle(sql, id, outcome),
});
