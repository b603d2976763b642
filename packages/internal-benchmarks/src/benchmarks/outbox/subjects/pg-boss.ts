import PgBoss from 'pg-boss';
import pg from 'pg';
import { counted, nothingOpen } from '../all-done.js';
import { chunks } from '../chunks.js';
import { confirming } from '../../../amqp/confirming.js';
import { bodyOf, TYPE, type Body } from '../message.js';
import type { OpenSubject } from '../subject.js';

const BATCH = 500;
const WORKERS = 2;
const QUEUE = 'outbox';

/**
 * Batches are published at once and completed in one statement. A worker waits half a second after a batch, its least, unless
 * it is notified: so each notifies itself.
 */
export const open: OpenSubject = async ({ databaseUrl, schema, amqpUrl, queue }) => {
  const broker = await confirming(amqpUrl, queue, TYPE);
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  const boss = new PgBoss({
    connectionString: databaseUrl,
    schema: `${schema}_boss`,
    // Not part of what is measured.
    supervise: false,
    schedule: false,
  });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE);
  const publish = async (job: PgBoss.Job<Body>): Promise<void> =>
    broker.publish(Buffer.from(JSON.stringify(job.data)), job.id);
  return {
    fill: async (count) => {
      await boss.clearStorage();
      for (const indexes of chunks(count)) {
        await boss.insert(indexes.map((index) => ({ name: QUEUE, data: bodyOf(index) })));
      }
    },
    drain: async (count) => {
      const { done, one } = counted(count);
      const work = async (): Promise<string> => {
        const id: string = await boss.work<Body>(
          QUEUE,
          { batchSize: BATCH, pollingIntervalSeconds: 0.5 },
          async (jobs) => {
            await Promise.all(jobs.map(publish));
            jobs.forEach(one);
            boss.notifyWorker(id);
          },
        );
        return id;
      };
      await Promise.all(Array.from({ length: WORKERS }, work));
      await done;
      await nothingOpen(
        pool,
        `select exists (select from ${schema}_boss.job where state < 'completed') as open`,
      );
      await boss.offWork(QUEUE);
    },
    close: async () => {
      await boss.stop({ graceful: false });
      await broker.close();
      await pool.end();
    },
  };
};
