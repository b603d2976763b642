import { NestFactory } from '@nestjs/core';
import {
  Outbox,
  OutboxModule,
  OutboxRelay,
  PostgresOutboxStore,
  RabbitMqPublisher,
} from '@acme/nest-outbox';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import { connect } from 'amqplib';
import pg from 'pg';
import { chunks } from '../chunks.js';
import { bodyOf, TYPE } from '../message.js';
import type { OpenSubject } from '../subject.js';

class Root {}

/** Our outbox as an application has it; the relay runs when it is told to. */
export const open: OpenSubject = async ({ databaseUrl, amqpUrl, queue, window }) => {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });
  const app = await NestFactory.createApplicationContext(
    {
      module: Root,
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(pool) }),
        OutboxModule.forRoot({
          store: new PostgresOutboxStore({ database: pool }),
          publisher: new RabbitMqPublisher({ connect: () => connect(amqpUrl) }),
          relay: { mode: 'off', window },
        }),
      ],
    },
    { logger: ['error', 'warn'] },
  );
  const [outbox, relay, transactions] = [
    app.get(Outbox),
    app.get(OutboxRelay),
    app.get<Transactions>(Transactions),
  ];
  return {
    fill: async (count) => {
      for (const indexes of chunks(count)) {
        const messages = indexes.map((index) => {
          const payload = bodyOf(index);
          return { type: TYPE, key: payload.key, exchange: '', routingKey: queue, payload };
        });
        await transactions.run(() => outbox.add(messages));
      }
    },
    drain: async (count) => {
      const { published } = await relay.runOnce();
      if (published !== count) throw new Error(`The relay published ${published} of ${count}.`);
    },
    close: async () => {
      await app.close();
      await pool.end();
    },
  };
};
