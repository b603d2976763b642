import { testMariaDatabase, type TestMariaDatabase } from '@acme/internal-testing';
import { MariaDbIdempotencyStore } from '@acme/nest-idempotency';
import { sqlOf } from '@acme/nest-transaction';
import { beforeAll, expect, it } from 'vitest';
import { cliJson } from './support/cli.js';

let database: TestMariaDatabase;

beforeAll(async () => {
  database = await testMariaDatabase();
});

const ask = (...args: string[]) => cliJson([...args, '--url', database.url]);

it('migrates, counts, shows, forgets and purges records in MariaDB', async () => {
  expect(await ask('status')).toMatchObject({ exit: 3 });
  expect(await ask('migrate')).toMatchObject({ exit: 0 });
  const store = new MariaDbIdempotencyStore({ database: database.pool });
  const [kept, old] = ['1'.repeat(64), '2'.repeat(64)];
  for (const [id, ttlMs] of [[kept, 60_000] as const, [old, 1] as const]) {
    const request = { id, name: 'n', fingerprint: undefined, token: 't' };
    await store.claim({ ...request, lockTtlMs: 60_000 });
    await store.settle(request, 'reply', ttlMs);
  }
  expect(await ask('status')).toMatchObject({
    exit: 0,
    answer: { records: { done: 1, expired: 1, running: 0, total: 2 } },
  });
  expect(await ask('inspect', '--id', kept)).toMatchObject({ exit: 0, answer: { state: 'done' } });
  expect(await ask('purge')).toMatchObject({ exit: 0, answer: { removed: 1 } });
  expect(await ask('forget', '--id', kept)).toMatchObject({ exit: 0 });
  expect(await ask('inspect', '--id', kept)).toMatchObject({ exit: 3 });
});

it('prints SQL that does what migrate does', async () => {
  const script = new MariaDbIdempotencyStore({ table: 'by_hand' }).migrationSql();
  // What the database's own client makes of it.
  const statement = /^delimiter \/\/\n([\s\S]*) \/\/\ndelimiter ;\n$/.exec(script)![1]!;
  await sqlOf(database.pool).query(statement);
  const store = new MariaDbIdempotencyStore({ database: database.pool, table: 'by_hand' });
  expect(await store.check()).toEqual([]);
});
