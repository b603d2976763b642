import { Logger, run } from 'graphile-worker';
import pg from 'pg';
import { counted, nothingOpen } from '../all-done.js';
import { chunks } from '../chunks.js';
import { confirming } from '../../../amqp/confirming.js';
import { bodyOf, TYPE } from '../message.js';
import type { OpenSubject } from '../subject.js';

const CONCURRENT = 200;
const LOCAL_QUEUE = 500;

const quiet = new Logger(() => () => {});

/** With its batching, which its documentation recommends at high throughput. */
export const open: OpenSubject = async ({ databaseUrl, schema: name, amqpUrl, queue }) => {
  const broker = await confirming(amqpUrl, queue, TYPE);
  const schema = `${name}_graphile`;
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });
  for (const event of ['error', 'connect'] as const) pool.on(event, () => {});
  let confirmed = (): void => {};
  const start = () =>
    run({
      pgPool: pool,
      noHandleSignals: true,
      taskList: {
        publish: async (payload) => {
          await broker.publish(Buffer.from(JSON.stringify(payload)));
          confirmed();
        },
      },
      preset: {
        worker: {
          schema,
          logger: quiet,
          concurrentJobs: CONCURRENT,
          localQueue: { size: LOCAL_QUEUE },
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
    });
  // Creates its tables.
  await (await start()).stop();
  return {
    fill: async (count) => {
      for (const indexes of chunks(count)) {
        await pool.query(
          `select count(*) from ${schema}.add_jobs(array(
             select json_populate_record(null::${schema}.job_spec,
               json_build_object('identifier', 'publish', 'payload', body::json))
             from unnest($1::text[]) as body))`,
          [indexes.map((index) => JSON.stringify(bodyOf(index)))],
        );
      }
    },
    drain: async (count) => {
      const { done, one } = counted(count);
      confirmed = one;
      const runner = await start();
      await done;
      await nothingOpen(pool, `select exists (select from ${schema}._private_jobs) as open`);
      await runner.stop();
    },
    close: async () => {
      await broker.close();
      await pool.end();
    },
  };
};
