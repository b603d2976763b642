import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import {
  OutboxMessageInvalidError,
  OutboxTransactionRequiredError,
  type Outbox,
  type OutboxStore,
} from '@acme/nest-outbox';
import type { Transactions } from '@acme/nest-transaction';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openOutboxApp, outboxRows, type Queryable } from './support/outbox-app.js';
import { onPostgres, OUTBOX_DATABASES, type OutboxDatabase } from './support/outbox-database.js';

describe.each(OUTBOX_DATABASES)('Outbox.add, on %s', (_, open) => {
  let database: OutboxDatabase;
  let store: OutboxStore;
  let broker: TestBroker;
  let outbox: Outbox;
  let transactions: Transactions<Queryable>;
  let close: () => Promise<void>;
  beforeAll(async () => {
    [database, broker] = await Promise.all([open(), testBroker()]);
    store = database.store();
    ({ outbox, transactions, close } = await openOutboxApp(database, broker, {
      store,
      relay: { mode: 'off' },
    }));
    await store.prepare(undefined);
  });
  afterAll(() => close());
  beforeEach(async () => void (await database.query('delete from outbox_messages')));

  const stored = () =>
    store.readPending(
      Array.from({ length: store.lanes }, (_, lane) => lane),
      [],
      20_000,
    );
  const message = { type: 'order.placed.v1', payload: { id: 1 } };

  it('joins the open transaction, and the outer one decides', async () => {
    const outer = transactions.run(async () => {
      await transactions.run(() => outbox.add(message));
      throw new Error('outer');
    });
    await expect(outer).rejects.toThrow('outer');
    await expect(stored()).resolves.toEqual([]);

    await transactions.run(() => transactions.run(() => outbox.add(message)));
    await expect(stored()).resolves.toHaveLength(1);
  });

  it('stays when a requiresNew transaction commits and the outer one does not', async () => {
    const outer = transactions.run(async () => {
      await transactions.run(() => outbox.add(message), { requiresNew: true });
      throw new Error('outer');
    });
    await expect(outer).rejects.toThrow('outer');
    await expect(stored()).resolves.toHaveLength(1);
  });

  it('takes the handle of an open transaction instead', async () => {
    const tx = await database.connect();
    await tx.query('begin');
    await outbox.add(message, { tx: tx.handle });
    await expect(stored()).resolves.toEqual([]);
    await tx.query('commit');
    tx.release();
    await expect(stored()).resolves.toHaveLength(1);
  });

  it('refuses to work outside a transaction, and says how', async () => {
    await expect(outbox.add(message)).rejects.toThrow(OutboxTransactionRequiredError);
    await expect(outbox.add(message)).rejects.toThrow(/transactions\.run\(…\).*\{ tx \}/s);
    const idle = await database.connect();
    await expect(outbox.add(message, { tx: idle.handle })).rejects.toMatchObject({
      code: 'OUTBOX_TRANSACTION_REQUIRED',
    });
    idle.release();
    await expect(outbox.add(message, { tx: database.pool })).rejects.toThrow(
      OutboxTransactionRequiredError,
    );
    await expect(outbox.add(message, { tx: {} })).rejects.toMatchObject({
      code: 'TRANSACTION_HANDLE_UNKNOWN',
    });
    await expect(outbox.add([])).rejects.toThrow(OutboxTransactionRequiredError);
  });

  it('writes ten thousand messages in one statement, in their order', async () => {
    const many = Array.from({ length: 10_000 }, (_, n) => ({
      type: 'order.placed.v1',
      key: `order-${n % 7}`,
      payload: n % 2 ? { n } : Buffer.from([n % 256]),
      messageId: `m-${n}`,
    }));
    await transactions.run(async () => {
      const statements = vi.spyOn(transactions.current(), 'query');
      await outbox.add(many);
      expect(statements).toHaveBeenCalledTimes(1);
      statements.mockRestore();
    });
    const rows = await stored();
    expect(rows.map(({ messageId }) => messageId)).toEqual(many.map(({ messageId }) => messageId));
    expect(rows[1]!.payload).toBe('{"n":1}');
    expect(rows[4]!.payload).toEqual(Buffer.from([4]));
  });

  it('writes nothing for no messages', async () => {
    await transactions.run(() => outbox.add([]));
    await expect(stored()).resolves.toEqual([]);
  });

  it.each([1, 2])('takes a snapshot of everything it is given (%i at once)', async (count) => {
    const given = {
      type: 'a',
      payload: { list: [1], text: 'it\'s "quoted" \\ {,} 주문' },
      headers: { one: 'ü', two: 2, three: true, bytes: Buffer.from('abc') } as Record<
        string,
        string | number | boolean | Uint8Array
      >,
      exchange: 'ex',
      routingKey: 'rk',
      key: 'k,"{}\\',
      messageId: 'id-1',
      contentType: 'application/vnd.x+json',
      timestamp: 1_700_000_000_123,
    };
    await transactions.run(async () => {
      const adding = outbox.add(count === 1 ? given : [given, message]);
      given.payload.list.push(2);
      given.headers['one'] = 'changed';
      await adding;
    });
    const [row] = await stored();
    expect(row).toMatchObject({
      type: 'a',
      exchange: 'ex',
      routingKey: 'rk',
      key: 'k,"{}\\',
      messageId: 'id-1',
      contentType: 'application/vnd.x+json',
      occurredAt: 1_700_000_000_123,
    });
    expect(JSON.parse(row!.headers!)).toEqual({
      one: 'ü',
      two: 2,
      three: true,
      bytes: { base64: 'YWJj' },
    });
    expect(JSON.parse(row!.payload as string)).toEqual({
      list: [1],
      text: 'it\'s "quoted" \\ {,} 주문',
    });
  });

  it('refuses what could never be published: all of it in one error, nothing written', async () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const wrong = [
      { type: '', payload: 1 },
      { type: 'a', payload: undefined },
      { type: 'a', payload: circular },
      { type: 'a', payload: 10n },
      { type: 'a', payload: 1, routingKey: 'r'.repeat(256) },
      { type: 'a', payload: 1, key: 'a\0b' },
      { type: 'a', payload: 1, headers: { x: null as never, y: Number.NaN } },
      { type: 'a', payload: 1, timestamp: Number.NaN },
      // AMQP has no time before 1970.
      { type: 'a', payload: 1, timestamp: -1 },
      { type: 'a', payload: 1, messageId: '' },
      { type: 'a', payload: 1, delay: 1e300 },
      message,
    ];
    const error: unknown = await transactions
      .run(() => outbox.add(wrong))
      .catch((refused: unknown) => refused);
    expect(error).toBeInstanceOf(OutboxMessageInvalidError);
    const { problems } = error as OutboxMessageInvalidError;
    expect(problems.map((problem) => problem.slice(0, problem.indexOf(':')))).toEqual([
      ...[0, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10].map((index) => `message ${index}`),
    ]);
    await expect(stored()).resolves.toEqual([]);
  });

  it('gives each message an id of its own, and rows of one key one lane', async () => {
    await transactions.run(() =>
      outbox.add([
        { ...message, key: 'a' },
        { ...message, key: 'a' },
      ]),
    );
    const [one, two] = await stored();
    expect(one!.messageId).toMatch(/^[\da-f-]{36}$/);
    expect(one!.messageId).not.toBe(two!.messageId);
    expect(one!.lane).toBe(two!.lane);
  });
});

describe('Outbox.add with a handle that cannot tell its state', () => {
  it('has the server asked', async () => {
    const [database, broker] = await Promise.all([onPostgres(), testBroker()]);
    const { outbox, close } = await openOutboxApp(database, broker, { relay: { mode: 'off' } });
    const silent = new Client({ connectionString: database.url });
    await silent.connect();
    const tx = Object.assign(silent, { getTransactionStatus: undefined });
    const adding = outbox.add({ type: 'order.placed.v1', payload: 1 }, { tx });
    await expect(adding).rejects.toThrow(OutboxTransactionRequiredError);
    await silent.end();
    await close();
  });
});

describe.each(OUTBOX_DATABASES)('the relay of the process that added, on %s', (_, open) => {
  it('publishes each commit as it comes, however seldom it polls', async () => {
    const [database, broker] = await Promise.all([open(), testBroker()]);
    const queue = broker.name('woken');
    await (await broker.channel()).assertQueue(queue, { durable: true });
    const { outbox, transactions, close } = await openOutboxApp(database, broker, {
      relay: { pollInterval: '1h' },
    });
    for (let n = 1; n <= 3; n++) {
      await transactions.run(() => outbox.add({ type: queue, payload: n }));
      await waitFor(async () => (await broker.queue(queue))?.messages === n);
    }
    await waitFor(async () => (await outboxRows(database))?.pending === 0);
    await close();
  });
});
