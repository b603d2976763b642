import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import {
  DatabaseSetup,
  getDisabledLogger,
  initializePollingMessageListener,
  type PollingListenerConfig,
} from 'pg-transactional-outbox';
import { counted, nothingOpen } from '../all-done.js';
import { chunks } from '../chunks.js';
import { confirming } from '../../../amqp/confirming.js';
import { bodyOf, TYPE } from '../message.js';
import type { OpenSubject } from '../subject.js';

/** Each message in work holds a connection, in a transaction of its own. */
const IN_WORK = 40;

/**
 * Every message may run beside every other one (`concurrency: 'parallel'`), which is its fastest setting and keeps no order. The
 * listener polls; reading the write-ahead log would need a server that is configured for it.
 */
export const open: OpenSubject = async ({ databaseUrl, schema, amqpUrl, queue }) => {
  const broker = await confirming(amqpUrl, queue, TYPE);
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  const names = { outboxOrInbox: 'outbox', database: '', schema, table: 'outbox' } as const;
  const setup = { ...names, listenerRole: '', nextMessagesName: 'next_outbox_messages' };
  for (const sql of [
    DatabaseSetup.dropAndCreateTable(setup),
    DatabaseSetup.createPollingFunction(setup),
    DatabaseSetup.setupPollingIndexes(setup),
  ]) {
    await pool.query(sql);
  }
  const connection = { connectionString: databaseUrl, max: IN_WORK };
  const config: PollingListenerConfig = {
    outboxOrInbox: 'outbox',
    dbListenerConfig: connection,
    dbHandlerConfig: connection,
    settings: {
      dbSchema: schema,
      dbTable: 'outbox',
      enableMaxAttemptsProtection: false,
      enablePoisonousMessageProtection: false,
      nextMessagesFunctionSchema: schema,
      nextMessagesFunctionName: 'next_outbox_messages',
      nextMessagesBatchSize: IN_WORK,
      nextMessagesPollingIntervalInMs: 50,
    },
  };
  // The default claims one message first, and later as many as are done: here at least half of them at once.
  const batchSizeStrategy = async (inWork: number): Promise<number> => {
    if (inWork <= IN_WORK / 2) return IN_WORK;
    await pause(1);
    return inWork;
  };
  return {
    fill: async (count) => {
      await pool.query(`truncate ${schema}.outbox`);
      for (const indexes of chunks(count)) {
        const bodies = indexes.map(bodyOf);
        await pool.query(
          `insert into ${schema}.outbox (id, aggregate_type, aggregate_id, message_type, concurrency, payload)
           select id::uuid, 'order', key, $1, 'parallel', body::jsonb
           from unnest($2::text[], $3::text[], $4::text[]) as n(id, key, body)`,
          [
            TYPE,
            bodies.map(() => randomUUID()),
            bodies.map(({ key }) => key),
            bodies.map((body) => JSON.stringify(body)),
          ],
        );
      }
    },
    drain: async (count) => {
      const { done, one } = counted(count);
      const handle = async (message: { id: string; payload: unknown }): Promise<void> => {
        await broker.publish(Buffer.from(JSON.stringify(message.payload)), message.id);
        one();
      };
      const [stop] = initializePollingMessageListener(config, { handle }, getDisabledLogger(), {
        batchSizeStrategy,
      });
      await done;
      await nothingOpen(
        pool,
        `select exists (select from ${schema}.outbox where processed_at is null) as open`,
      );
      await stop();
    },
    close: async () => {
      await broker.close();
      await pool.end();
    },
  };
};
