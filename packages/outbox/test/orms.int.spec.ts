import 'reflect-metadata';
import { addressOf, openContext, testDatabase } from '@acme/internal-testing';
import { Publisher, type OutboundMessage } from '@acme/nest-message-context';
import { Outbox, OutboxModule, OutboxRelay, PostgresOutboxStore } from '@acme/nest-outbox';
import {
  sqlOf,
  TransactionModule,
  Transactions,
  type TransactionAdapter,
} from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { beforeAll, describe, expect, it } from 'vitest';
import { POSTGRES_LIBRARIES, type Library, type Place } from './support/postgres-libraries.js';

/** Of bytes and text alike. */
const textOf = (payload: unknown): string => Buffer.from(payload as Uint8Array).toString();

/** Takes everything. */
class Collector extends Publisher {
  #taken: unknown[] = [];

  async publish(messages: readonly OutboundMessage[]) {
    this.#taken.push(...messages.map(({ payload }) => JSON.parse(textOf(payload)) as unknown));
    return messages.map(() => ({ status: 'confirmed' }) as const);
  }

  taken(): unknown[] {
    return this.#taken.splice(0);
  }
}

async function openOn(open: (place: Place) => Promise<Library> | Library) {
  const { url, schema } = await testDatabase();
  const library = await open({ ...addressOf(url), schema });
  const publisher = new Collector();
  @Module({
    imports: [
      TransactionModule.forRoot({ adapter: library.adapter as TransactionAdapter }),
      OutboxModule.forRoot({
        store: new PostgresOutboxStore({ database: library.database }),
        publisher,
        relay: { mode: 'off' },
      }),
    ],
  })
  class App {}
  const { app, close } = await openContext(App);
  const sql = sqlOf(library.database);
  const [outbox, relay] = [app.get(Outbox), app.get(OutboxRelay)];
  return {
    transactions: app.get<Transactions>(Transactions),
    transaction: library.transaction,
    add: (payload: unknown, more: object = {}, options = {}) =>
      outbox.add({ type: 'a', key: 'k', payload, ...more }, options),
    addAll: (payloads: readonly unknown[]) =>
      outbox.add(payloads.map((payload) => ({ type: 'a', key: 'k', payload }))),
    /** What leaves, in its order, and that nothing stays. */
    published: async () => {
      await relay.runOnce();
      const { rows } = await sql.query(
        `select (select count(*) from outbox_messages)::integer as pending,
                (select count(*) from outbox_waiting)::integer as waiting,
                (select count(*) from outbox_delayed)::integer as delayed,
                (select count(*) from outbox_parked)::integer as parked`,
      );
      expect(rows).toEqual([{ pending: 0, waiting: 0, delayed: 0, parked: 0 }]);
      return publisher.taken();
    },
    close: async () => {
      await close();
      await library.close();
    },
  };
}

describe.each(Object.entries(POSTGRES_LIBRARIES))('Outbox.add with %s', (name, open) => {
  let opened: Awaited<ReturnType<typeof openOn>>;
  beforeAll(async () => {
    opened = await openOn(open);
    return () => opened.close();
  });
  const fail = (): never => {
    throw new RangeError('rolled back');
  };

  it('goes with the open transaction: one message, many, bytes, and later ones', async () => {
    const { transactions, add, addAll, published } = opened;
    await transactions.run(async () => {
      await add(1);
      await addAll([2, 'three: "\\ 주문', { four: [null, true] }]);
      await add(Buffer.from('5'), { headers: { a: 'ü', b: 2, c: true, d: Buffer.from('x') } });
      await add(6, { delay: 0 });
    });
    await expect(published()).resolves.toEqual([
      1,
      2,
      'three: "\\ 주문',
      { four: [null, true] },
      5,
      6,
    ]);
    const undone = transactions.run(async () => {
      await add(1);
      await addAll([2, 3]);
      await add(4, { delay: '1h' });
      fail();
    });
    await expect(undone).rejects.toThrow(RangeError);
    await expect(published()).resolves.toEqual([]);
  });

  it('goes with a transaction that the library itself has opened, given as { tx }', async () => {
    const { transaction, add, published } = opened;
    await transaction(async (tx) => {
      await add(1, {}, { tx });
      await add(2, {}, { tx });
    });
    await expect(published()).resolves.toEqual([1, 2]);
    const undone = transaction(async (tx) => {
      await add(1, {}, { tx });
      fail();
    });
    await expect(undone).rejects.toThrow(RangeError);
    await expect(published()).resolves.toEqual([]);
  });

  it('goes with the outer transaction where one has joined it', async () => {
    const { transactions, add, published } = opened;
    await transactions.run(async () => {
      await add(1);
      await transactions.run(() => add(2));
    });
    await expect(published()).resolves.toEqual([1, 2]);
    const undone = transactions.run(async () => {
      await transactions.run(() => add(1));
      fail();
    });
    await expect(undone).rejects.toThrow(RangeError);
    await expect(published()).resolves.toEqual([]);
  });

  it('leaves nothing where a joined transaction has failed and its error was swallowed', async () => {
    const { transactions, add, published } = opened;
    const doomed = transactions.run(async () => {
      await add(1);
      await transactions.run(async () => add(2).then(fail)).catch(() => {});
    });
    await expect(doomed).rejects.toMatchObject({ code: 'TRANSACTION_ROLLBACK_ONLY' });
    await expect(published()).resolves.toEqual([]);
  });

  it('leaves nothing behind a savepoint that is rolled back', async () => {
    const { transactions, add, published } = opened;
    await transactions.run(async () => {
      const sql = transactions.sql();
      await add(1);
      await sql.query('savepoint one');
      await add(2);
      await sql.query('rollback to savepoint one');
      await add(3);
    });
    await expect(published()).resolves.toEqual([1, 3]);
  });

  /** One connection, so one transaction at a time. */
  const [alone, others] = name === 'PGlite' ? [['own']] : [[], ['own']];

  it.each(alone)('leaves nothing where it refuses a transaction of its %s', async () => {
    const { transactions, add, published } = opened;
    const refused = transactions.run(async () => {
      await add(1);
      await transactions.run(() => add(2), { requiresNew: true });
    });
    await expect(refused).rejects.toMatchObject({ code: 'TRANSACTION_UNSUPPORTED' });
    await expect(published()).resolves.toEqual([]);
  });

  it.each(others ?? [])(
    'stays with a transaction of its %s, whatever becomes of the outer one',
    async () => {
      const { transactions, add, published } = opened;
      const undone = transactions.run(async () => {
        await add(1);
        await transactions.run(() => add(2), { requiresNew: true });
        fail();
      });
      await expect(undone).rejects.toThrow(RangeError);
      const failing = () => transactions.run(() => add(3).then(fail), { requiresNew: true });
      await transactions.run(async () => {
        await add(4);
        await failing().catch(() => {});
      });
      await expect(published()).resolves.toEqual([2, 4]);
    },
  );
});
