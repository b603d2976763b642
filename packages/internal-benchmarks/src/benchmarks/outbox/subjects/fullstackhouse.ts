import { OnEvent, OutboxModule } from '@fullstackhouse/nestjs-outbox';
import {
  OutboxTransportEventMigrations,
  TypeORMDatabaseDriverFactory,
  TypeOrmOutboxTransportEvent,
} from '@fullstackhouse/nestjs-outbox-typeorm-driver';
import { Inject, Injectable } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { counted, nothingOpen } from '../all-done.js';
import { chunks } from '../chunks.js';
import { confirming } from '../../../amqp/confirming.js';
import { bodyOf, TYPE, type Body } from '../message.js';
import type { OpenSubject } from '../subject.js';

const BATCH = 1_000;
const DAY_MS = 86_400_000;

class Root {}

const PUBLISH = Symbol('publish');

/** Publishes to the broker, which is the application's part. Found by its class only. */
@Injectable()
class Listener {
  constructor(@Inject(PUBLISH) private readonly publish: (body: Body) => Promise<void>) {}

  @OnEvent(TYPE)
  async publishEvent(body: Body): Promise<void> {
    await this.publish(body);
  }
}

/**
 * With large batches and a short pause between looks. The TypeORM driver cannot join the business's own transaction; the MikroORM
 * driver can, and is far slower: what it keeps in memory of a batch it goes through for every message of it.
 */
export const open: OpenSubject = async ({ databaseUrl, schema, amqpUrl, queue }) => {
  const broker = await confirming(amqpUrl, queue, TYPE);
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  const database = await new DataSource({
    type: 'postgres',
    url: databaseUrl,
    schema,
    entities: [TypeOrmOutboxTransportEvent],
    poolSize: 20,
  }).initialize();
  // TypeORM itself refuses their names.
  const runner = database.createQueryRunner();
  for (const Migration of OutboxTransportEventMigrations) await new Migration().up(runner);
  await runner.release();
  const openRelay = (publish: (body: Body) => Promise<void>) =>
    NestFactory.createApplicationContext(
      {
        module: Root,
        providers: [{ provide: PUBLISH, useValue: publish }, Listener],
        imports: [
          OutboxModule.registerAsync({
            enableDefaultMiddlewares: false,
            useFactory: () => ({
              driverFactory: new TypeORMDatabaseDriverFactory(database),
              events: [
                {
                  name: TYPE,
                  listeners: { retentionPeriod: DAY_MS, maxExecutionTime: 15_000, maxRetries: 5 },
                },
              ],
              pollingInterval: 50,
              maxEventsPerPoll: BATCH,
            }),
          }),
        ],
      },
      { logger: ['error'] },
    );
  return {
    fill: async (count) => {
      for (const indexes of chunks(count)) {
        const now = Date.now();
        const events = indexes.map((index) =>
          new TypeOrmOutboxTransportEvent().create(TYPE, bodyOf(index), now + DAY_MS, now),
        );
        await database.getRepository(TypeOrmOutboxTransportEvent).insert(events);
      }
    },
    drain: async (count) => {
      const { done, one } = counted(count);
      const app = await openRelay(async (body) => {
        await broker.publish(Buffer.from(JSON.stringify(body)));
        one();
      });
      await done;
      await nothingOpen(pool, 'select exists (select from outbox_transport_event) as open');
      await app.close();
    },
    close: async () => {
      await database.destroy();
      await broker.close();
      await pool.end();
    },
  };
};
