import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { openContext } from '@acme/internal-testing';
import {
  IdempotencyModule,
  PostgresIdempotencyStore,
  type PgListenerLike,
} from '@acme/nest-idempotency';
import { sqlStateOf, type SqlExecutor } from '@acme/nest-transaction';
import { afterEach, describe, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.useRealTimers();
});

const refusal = Object.assign(new Error('canceling statement due to statement timeout'), {
  code: '57014',
});

/** Errors as libraries make them of that one: with the statement, and with all that was to be stored. */
const libraries = {
  Drizzle: (text: string, params: unknown[]) =>
    new Error(`Failed query: ${text}\nparams: ${params.join()}`, { cause: refusal }),
  Knex: (text: string, params: unknown[]) =>
    Object.assign(new Error(`${text} ${params.join()} - ${refusal.message}`), { code: '57014' }),
  TypeORM: (query: string, parameters: unknown[]) =>
    Object.assign(new Error(refusal.message), { query, parameters, driverError: refusal }),
};

const everythingOf = (error: Error): string =>
  JSON.stringify([error.message, error.stack, String(error.cause), ...Object.values(error)]);

describe.each(Object.entries(libraries))('a statement that fails on %s', (_, errorOf) => {
  const database: SqlExecutor = {
    dialect: 'postgres',
    query: (text, params) => Promise.reject(errorOf(text, [...(params ?? [])])),
  };
  const store = new PostgresIdempotencyStore({ database });
  const request = { id: 'ab'.repeat(32), name: 'n', fingerprint: undefined, token: 't' };

  it.each([
    ['claim', () => store.claim({ ...request, lockTtlMs: 1 })],
    ['settle', () => store.settle(request, 'the reply', 1)],
    [
      'settle in a transaction',
      () => store.inTransaction.settle(database, request.id, 'the reply'),
    ],
    ['release', () => store.release(request.id, 'the reply', { ttlMs: 1, counted: true })],
    ['purge', () => store.purge(1)],
  ] as const)(
    'tells what the server said, and nothing of what was stored: %s',
    async (_name, call) => {
      const error = await (call() as Promise<unknown>).then(
        () => new Error('it did not fail'),
        (reason: Error) => reason,
      );
      expect(everythingOf(error)).not.toContain('the reply');
      expect(everythingOf(error)).not.toContain('records');
      expect(sqlStateOf(error)).toBe('57014');
    },
  );
});

it('closes also while its connection for notices does not come', async () => {
  let come!: (client: PgListenerLike) => void;
  const listen = (): Promise<PgListenerLike> => new Promise((resolve) => (come = resolve));
  const store = new PostgresIdempotencyStore({ listen });
  const waiting = store.subscribe!('ab'.repeat(32), () => {});
  await store.close!();
  let ended = 0;
  const client = { on: () => {}, query: async () => {}, end: async () => void (ended += 1) };
  come(client);
  await waiting;
  expect(ended).toBe(1);
});

it('removes what has expired for as long as the application runs, and no longer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  let purges = 0;
  const database: SqlExecutor = {
    dialect: 'postgres',
    query: async <Row>(text: string) => {
      if (text.includes('delete from')) purges += 1;
      return { rows: [{ present: true, version: 1 } as Row], rowCount: 0 };
    },
  };
  const store = new PostgresIdempotencyStore({ database });
  @Module({
    imports: [IdempotencyModule.forRoot({ namespace: 'purge', store, purge: { every: '1s' } })],
  })
  class App {}
  const { app } = await openContext(App);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(purges).toBeGreaterThanOrEqual(2);
  await app.close();
  const before = purges;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(purges).toBe(before);
});
