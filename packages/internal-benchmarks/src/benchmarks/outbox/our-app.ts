import { NestFactory } from '@nestjs/core';
import {
  Outbox,
  OutboxModule,
  OutboxRelay,
  PostgresOutboxStore,
  type OutboxModuleOptions,
} from '@acme/nest-outbox';
import { RabbitMqPublisher, type AmqpConnectionLike } from '@acme/nest-rabbitmq';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import { connect } from 'amqplib';
import pg from 'pg';
import { chunks } from './chunks.js';
import { bodyOf, TYPE } from './message.js';
import type { Place } from './subject.js';

/** Our outbox as an application has it; its relay runs when it is told to. */
export interface OurApp {
  readonly pool: pg.Pool;
  readonly outbox: Outbox;
  readonly relay: OutboxRelay;
  readonly transactions: Transactions<pg.PoolClient>;
  close(): Promise<void>;
}

/** What differs from an application that takes the defaults. */
export interface OurSetup extends Pick<OutboxModuleOptions, 'retry'> {
  readonly relay?: OutboxModuleOptions['relay'];
  readonly connect?: (url: string) => PromiseLike<AmqpConnectionLike>;
}

class Root {}

export async function openOurs(place: Place, setup: OurSetup = {}): Promise<OurApp> {
  const { databaseUrl, amqpUrl, window, pollInterval } = place;
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });
  const { relay, retry, connect: open = connect } = setup;
  const app = await NestFactory.createApplicationContext(
    {
      module: Root,
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(pool) }),
        OutboxModule.forRoot({
          store: new PostgresOutboxStore({ database: pool }),
          publisher: new RabbitMqPublisher({ connect: () => open(amqpUrl) }),
          relay: { mode: 'off', window, pollInterval, ...relay },
          retry,
        }),
      ],
    },
    // A message that is refused says so; here some are, on purpose.
    { logger: ['error'] },
  );
  return {
    pool,
    outbox: app.get(Outbox),
    relay: app.get(OutboxRelay),
    transactions: app.get<Transactions<pg.PoolClient>>(Transactions),
    close: async () => {
      await app.close();
      await pool.end();
    },
  };
}

/** Adds the messages in their order, a thousand at a time, in the caller's transaction. */
export async function addAll({ outbox }: OurApp, { queue }: Place, count: number): Promise<void> {
  for (const indexes of chunks(count)) {
    await outbox.add(
      indexes.map((index) => {
        const payload = bodyOf(index);
        return { type: TYPE, key: payload.key, exchange: '', routingKey: queue, payload };
      }),
    );
  }
}
