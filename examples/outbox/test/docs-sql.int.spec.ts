import { readFileSync } from 'node:fs';
import { closeFixtures, openContext, testBroker } from '@acme/internal-testing';
import { Outbox, OutboxModule, OutboxRelay } from '@acme/nest-outbox';
import { TransactionModule, Transactions } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onMariaDb, onPostgres, statementsOf, type ShopDatabase } from './support/databases.js';
import { declareExchange, publisherTo } from './support/shop.js';

afterAll(closeFixtures);

/** What a page tells to type into a database: each block says in its first line into which. */
function blocksOf(page: string, database: string): string[] {
  const text = readFileSync(new URL(`../../../docs/${page}`, import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  return blocks.filter((block) => {
    const [, names] = /^\s*-- ((?:PostgreSQL|MariaDB)(?: and MariaDB)?)[:\n]/.exec(block) ?? [];
    if (!names) throw new Error(`${page}: for which database is this?\n${block}`);
    return names.split(' and ').includes(database);
  });
}

describe.each([
  ['PostgreSQL', onPostgres],
  ['MariaDB', onMariaDb],
] as const)('the SQL of the documents, in %s', (name, open) => {
  let database: ShopDatabase;
  /** One key is stuck because nobody is bound, another one because its first message was parked. */
  beforeAll(async () => {
    const [broker, opened] = await Promise.all([testBroker(), open()]);
    database = opened;
    const { exchange } = await declareExchange(broker);
    const runOnce = async (attempts: number, key: string) => {
      @Module({
        imports: [
          TransactionModule.forRoot({ adapter: database.adapter }),
          OutboxModule.forRoot({
            store: database.store,
            publisher: publisherTo(broker.url, exchange),
            relay: { mode: 'off' },
            retry: { attempts, onPark: 'block-key' },
          }),
        ],
      })
      class AppModule {}
      const { app, close } = await openContext(AppModule);
      const message = { type: 'stuck.v1', key, payload: {}, exchange: '', routingKey: exchange };
      await app.get(Transactions).run(() => app.get(Outbox).add([message, message]));
      await app.get(OutboxRelay).runOnce();
      await close();
    };
    await runOnce(20, 'tried-again');
    await runOnce(1, 'awaits-parked');
  });

  it.each(['reference/outbox-sql.md', 'operations/outbox-runbook.md'])(
    'docs/%s can be typed in, and finds what is stuck',
    async (page) => {
      const answers = new Map<string, Record<string, unknown>[]>();
      for (const statement of blocksOf(page, name).flatMap(statementsOf))
        answers.set(statement, await database.query(statement, []));
      expect(answers.size).toBeGreaterThan(3);
      const [stuck] = [...answers].find(([text]) => text.includes('outbox_blocks b')) ?? [];
      expect(answers.get(stuck ?? '')).toMatchObject([
        { block: '=tried-again', type: 'stuck.v1', attempts: 1, reason: 'UNROUTABLE' },
        { block: '=awaits-parked', type: 'stuck.v1', attempts: 0, reason: null },
      ]);
    },
  );
});
