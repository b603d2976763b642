import 'reflect-metadata';
import {
  addressOf,
  openContext,
  testMariaDatabase,
  type Address,
  type TestMariaDatabase,
} from '@acme/internal-testing';
import { Publisher, type OutboundMessage } from '@acme/nest-message-context';
import { MariaDbOutboxStore, Outbox, OutboxModule, OutboxRelay } from '@acme/nest-outbox';
import {
  fromDrizzle,
  fromKnex,
  fromMariadb,
  fromMysql2,
  fromSequelize,
  fromTypeOrm,
  TransactionModule,
  Transactions,
  type TransactionAdapter,
} from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { drizzle } from 'drizzle-orm/mysql2';
import knexFactory from 'knex';
import mariadb from 'mariadb';
import { createPool } from 'mysql2/promise';
import { Sequelize } from 'sequelize';
import { DataSource } from 'typeorm';
import { beforeAll, describe, expect, it } from 'vitest';

interface Library {
  readonly adapter: unknown;
  /** What the store is given for the relay. */
  readonly source: unknown;
  close(): Promise<unknown>;
}

async function typeOrm(type: 'mysql' | 'mariadb', address: Address): Promise<Library> {
  const { host, port, user: username, password, database } = address;
  const source = new DataSource({ type, host, port, username, password, database });
  await source.initialize();
  return { adapter: fromTypeOrm(source), source, close: () => source.destroy() };
}

const LIBRARIES: Record<string, (address: Address) => Library | Promise<Library>> = {
  mysql2: ({ url }) => {
    const source = createPool({ uri: url });
    return { adapter: fromMysql2(source), source, close: () => source.end() };
  },
  mariadb: ({ host, port, user, password, database }) => {
    const source = mariadb.createPool({ host, port, user, password, database });
    return { adapter: fromMariadb(source), source, close: () => source.end() };
  },
  Drizzle: ({ url }) => {
    const pool = createPool({ uri: url });
    const source = drizzle(pool);
    return { adapter: fromDrizzle(source), source, close: () => pool.end() };
  },
  Knex: ({ host, port, user, password, database }) => {
    const connection = { host, port, user, password, database };
    const source = knexFactory({ client: 'mysql2', connection, pool: { min: 0 } });
    return { adapter: fromKnex(source), source, close: () => source.destroy() };
  },
  'TypeORM, mysql': (address) => typeOrm('mysql', address),
  'TypeORM, mariadb': (address) => typeOrm('mariadb', address),
  Sequelize: ({ host, port, user, password, database }) => {
    const options = { dialect: 'mysql', host, port, logging: false } as const;
    const source = new Sequelize(database, user, password, options);
    return { adapter: fromSequelize(source), source, close: () => source.close() };
  },
};

/** Takes everything; the first time it is given poison, not. */
class Collector extends Publisher {
  readonly taken: OutboundMessage[] = [];
  #refusals = 1;

  async publish(messages: readonly OutboundMessage[]) {
    return messages.map((message) => {
      if (message.type === 'poison' && this.#refusals-- > 0)
        return { status: 'rejected', error: new Error('not yet ?') } as const;
      this.taken.push(message);
      return { status: 'confirmed' } as const;
    });
  }
}

async function openOn(url: string, open: (typeof LIBRARIES)[string]) {
  const { adapter, source, close } = await open(addressOf(url));
  const publisher = new Collector();
  @Module({
    imports: [
      TransactionModule.forRoot({ adapter: adapter as TransactionAdapter }),
      OutboxModule.forRoot({
        store: new MariaDbOutboxStore({ database: source }),
        publisher,
        relay: { mode: 'off' },
        retry: { backoff: 1, maxBackoff: 1 },
      }),
    ],
  })
  class App {}
  const { app, close: closeApp } = await openContext(App);
  return {
    taken: publisher.taken,
    outbox: app.get(Outbox),
    relay: app.get(OutboxRelay),
    transactions: app.get(Transactions),
    close: async () => {
      await closeApp();
      await close();
    },
  };
}

describe.each(Object.entries(LIBRARIES))('the outbox in MariaDB through %s', (_, open) => {
  let database: TestMariaDatabase;
  let opened: Awaited<ReturnType<typeof openOn>>;
  beforeAll(async () => {
    database = await testMariaDatabase();
    opened = await openOn(database.url, open);
    return () => opened.close();
  });

  const tricky = `it's "quoted" \\ ? ?? $1 :name {} 주문 😀`;
  const messages = [
    { type: 'a', key: tricky, payload: { text: tricky }, headers: { 'x-text': tricky } },
    { type: 'poison', key: 'k', payload: Buffer.from([0, 39, 63, 92, 255]) },
    { type: 'b', key: 'k', payload: 2, timestamp: 1_700_000_000_123 },
  ];

  it('joins the transaction of the library, and is published from its pool', async () => {
    const { outbox, transactions, relay, taken } = opened;
    const lost = transactions.run(async () => {
      await outbox.add(messages[0]!);
      await outbox.add(messages);
      throw new RangeError('no');
    });
    await expect(lost).rejects.toThrow(RangeError);
    await transactions.run(() => outbox.add(messages[0]!));
    await transactions.run(() => outbox.add(messages, { tx: transactions.current() }));
    let published = 0;
    for (let run = 0; run < 100 && published < 4; run += 1)
      published += (await relay.runOnce()).published;
    expect(taken.map(({ type }) => type)).toEqual(['a', 'a', 'poison', 'b']);
    expect(taken[0]!.key).toBe(tricky);
    expect(JSON.parse(String(taken[0]!.payload))).toEqual({ text: tricky });
    expect(taken[1]!.headers).toMatchObject({ 'x-text': tricky });
    expect(taken[2]!.payload).toEqual(Buffer.from([0, 39, 63, 92, 255]));
    expect(taken[3]).toMatchObject({ payload: Buffer.from('2'), timestamp: 1_700_000_000_123 });
  });

  it('is refused where the handle is not inside a transaction', async () => {
    const { outbox, transactions } = opened;
    await expect(outbox.add(messages)).rejects.toMatchObject({
      code: 'OUTBOX_TRANSACTION_REQUIRED',
    });
    const ended = await transactions.run(async () => transactions.current());
    await expect(outbox.add(messages, { tx: ended })).rejects.toThrow(/transaction/i);
    const [rows] = await database.pool.query('select message_id from outbox_messages');
    expect(rows).toEqual([]);
  });
});
