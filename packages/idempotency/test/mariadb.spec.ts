import { MariaDbIdempotencyStore } from '@acme/nest-idempotency';
import type { SqlExecutor } from '@acme/nest-transaction';
import { describe, expect, it } from 'vitest';

/** A server that only says what it is: of some, there is none here to ask. */
const serverThatIs = (version: string): SqlExecutor => ({
  dialect: 'mysql',
  query: async <Row>() => ({ rows: [{ version, undoes: 0n } as Row], rowCount: 1 }),
});

describe('MariaDbIdempotencyStore', () => {
  it.each([
    ['8.0.36', /does not work on MySQL \(8\.0\.36\).*Use MariaDB 10\.6/],
    ['8.4.2-commercial', /does not work on MySQL/],
    ['10.5.27-MariaDB-log', /10\.5\.27-MariaDB-log is too old.*Upgrade to 10\.6/],
  ])('refuses %s, at boot and when it is to migrate', async (version, text) => {
    const store = new MariaDbIdempotencyStore({ database: serverThatIs(version) });
    expect(await store.check()).toEqual([{ severity: 'error', text: expect.stringMatching(text) }]);
    await expect(store.migrate()).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFIGURATION',
      problems: [expect.stringMatching(text)],
    });
  });

  it.each(['10.6.0-MariaDB', '11.8.3-MariaDB-ubu2404', '12.0.2-MariaDB'])(
    'has nothing against %s',
    async (version) => {
      const store = new MariaDbIdempotencyStore({ database: serverThatIs(version) });
      const [finding] = await store.check();
      expect(finding?.text).toMatch(/is missing/);
    },
  );

  it.each([
    [{ schema: 'a-b' }, /MariaDbIdempotencyStore schema: "a-b"/],
    [{ table: 'x`; drop' }, /MariaDbIdempotencyStore table/],
    [{ database: {} }, /MariaDbIdempotencyStore database: .*mysql2/],
    [{ listen: () => undefined }, /listen/],
    [
      { database: { dialect: 'postgres', query: async () => ({ rows: [], rowCount: 0 }) } },
      /it speaks "postgres"/,
    ],
  ])('refuses %o', (options, text) => {
    expect(() => new MariaDbIdempotencyStore(options as object)).toThrow(text);
  });

  it('says that it needs a connection', async () => {
    await expect(new MariaDbIdempotencyStore().check()).rejects.toThrow(
      /MariaDbIdempotencyStore.*database/,
    );
  });
});
