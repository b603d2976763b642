import { MariaDbOutboxStore } from '@acme/nest-outbox';
import type { SqlExecutor } from '@acme/nest-transaction';
import { describe, expect, it } from 'vitest';

/** A server that only says what it is: of some, there is none here to ask. */
const serverThatIs = (version: string, settings: object = {}): SqlExecutor => ({
  dialect: 'mysql',
  query: async <Row>(sql: string) => {
    if (sql.includes('version()')) return { rows: [{ version } as Row], rowCount: 1 };
    const row = { autocommit: 1n, logged: 0n, format: 'MIXED', lanes: 16n, ...settings };
    return { rows: [row as Row], rowCount: 1 };
  },
});

const PLAIN = { strictOrder: false, sequence: false };

const error = (errno: number): Error =>
  Object.assign(new Error('failed'), { errno, sqlState: errno === 1213 ? '40001' : 'HY000' });

describe('MariaDbOutboxStore', () => {
  it.each([
    ['8.0.36', {}, /does not work on MySQL \(8\.0\.36\).*MariaDB 10\.6.*PostgresOutboxStore/],
    ['9.1.0-commercial', {}, /does not work on MySQL/],
    ['10.5.27-MariaDB-log', {}, /10\.5\.27-MariaDB-log is too old.*Upgrade to 10\.6/],
    ['10.11.18-MariaDB', { autocommit: 0 }, /autocommit off.*Give a pool that leaves it on/],
    ['10.11.18-MariaDB', { logged: 1, format: 'STATEMENT' }, /binlog_format.*Set MIXED/],
  ])('refuses %s %o, at boot and when it is to migrate', async (version, settings, text) => {
    const database = serverThatIs(version, settings);
    for (const migrate of [true, false]) {
      await expect(
        new MariaDbOutboxStore({ database, migrate }).prepare(undefined),
      ).rejects.toMatchObject({
        code: 'OUTBOX_CONFIGURATION',
        problems: [expect.stringMatching(text)],
      });
    }
    await expect(new MariaDbOutboxStore({ database }).migrate()).rejects.toThrow(text);
  });

  it.each([
    ['10.6.0-MariaDB', { format: 'STATEMENT' }],
    ['11.8.3-MariaDB-ubu2404', { logged: 1 }],
    ['12.0.2-MariaDB', { logged: 1, format: 'ROW' }],
  ])('has nothing against %s %o', async (version, settings) => {
    const store = new MariaDbOutboxStore({ database: serverThatIs(version, settings) });
    await store.prepare(undefined);
    expect(store.lanes).toBe(16);
  });

  it.each([
    [{}, /store\.database: missing/],
    [{ database: {} }, /mysql2/],
    [{ database: serverThatIs('x'), schema: 'a-b' }, /store\.schema: "a-b"/],
    [{ database: serverThatIs('x'), table: 'a' }, /store\.table: there is no such option/],
    [{ database: { ...serverThatIs('x'), dialect: 'postgres' } }, /speaks postgres.*needs MariaDB/],
    [
      { database: 'mysql://localhost/shop' },
      /store.database: a text. .*MariaDbOutboxStore opens no connection/,
    ],
  ])('refuses %o', (options, text) => {
    expect(() => new MariaDbOutboxStore(options as never)).toThrow(text);
  });

  it.each([1213, 1020])(
    'repeats what a relay asks when the server undoes it (%i)',
    async (errno) => {
      let failures = 2;
      let asked = 0;
      const database: SqlExecutor = {
        dialect: 'mysql',
        query: async <Row>() => {
          asked += 1;
          if (failures-- > 0) throw error(errno);
          return { rows: [[{ relays: 2n, renewed: '0,3' }], {}] as Row[], rowCount: 2 };
        },
      };
      const store = new MariaDbOutboxStore({ database });
      await expect(store.tend('a', [], 1_000)).resolves.toEqual({ relays: 2, renewed: [0, 3] });
      expect(asked).toBe(3);
      failures = Infinity;
      await expect(store.release([])).rejects.toMatchObject({ errno });
      expect(asked).toBe(8);
    },
  );

  it('repeats nothing in the transaction of others, and nothing that failed otherwise', async () => {
    let asked = 0;
    const failing = (errno: number): SqlExecutor => ({
      dialect: 'mysql',
      query: async () => {
        asked += 1;
        throw error(errno);
      },
    });
    const store = new MariaDbOutboxStore({ database: failing(1205) });
    await expect(store.leave('a')).rejects.toMatchObject({ errno: 1205 });
    const message = { messageId: 'm', type: 't', key: null, exchange: null, routingKey: null };
    const rest = { contentType: null, headers: null, occurredAt: 0, payload: '1', due: null };
    await expect(
      store.insert(failing(1213), [{ ...message, ...rest }], PLAIN),
    ).rejects.toMatchObject({
      errno: 1213,
    });
    expect(asked).toBe(2);
  });

  it.each([-1e15, 253_402_300_800_000])('refuses a message of the time %d', async (occurredAt) => {
    const message = { messageId: 'm', type: 't', key: null, exchange: null, routingKey: null };
    const rest = { contentType: null, headers: null, payload: '1', due: null };
    const database = serverThatIs('x');
    const adding = new MariaDbOutboxStore({ database }).insert(
      database,
      [{ ...message, ...rest, occurredAt }],
      PLAIN,
    );
    await expect(adding).rejects.toMatchObject({ code: 'OUTBOX_MESSAGE_INVALID' });
  });
});
