import { alternate } from '../../measure/alternate.js';
import type { Ground } from './ground.js';
import { CONCURRENT, loadOf } from './loads.js';
import { inMemory, inPostgres, inRedis } from './our-service.js';
import { ourCalls } from './postgres-calls.js';
import { latencyRow, type Run } from './report.js';

const REPLY = { number: 4711, total: 129.9, currency: 'EUR', state: 'placed' };

/** First call and replay beside each other, for every kind of store. Reported only; nothing is judged by it. */
export async function firstAndReplay(run: Run, ground: Ground): Promise<void> {
  const pool = ground.openPool();
  const memory = await inMemory();
  const redis = await inRedis(ground.redis, ground.mark);
  const postgres = await inPostgres(pool, ground.schema);
  const plain =
    ({ service }: typeof memory) =>
    (key: string) =>
      service.run(key, async () => REPLY, { name: 'matrix' });
  const stores = {
    memory: plain(memory),
    Redis: plain(redis),
    PostgreSQL: ourCalls(postgres).replying,
  };
  try {
    for (const [store, call] of Object.entries(stores)) {
      for (const concurrent of CONCURRENT) {
        const load = loadOf(concurrent, run.quick);
        // A replay is of the call made a moment ago, each of another one: equal keys at a time would share one look.
        const done: string[] = [];
        const samples = await alternate(
          {
            first: async (i) => {
              const key = `matrix-${concurrent}-${i}`;
              await call(key);
              done.push(key);
            },
            replay: () => call(done.pop() ?? missing()),
          },
          // Turns change their order, so the replay needs something to repeat before it begins.
          await filled(load, call, done),
        );
        latencyRow(run, `ours, ${store}, first`, concurrent, samples.first);
        latencyRow(run, `ours, ${store}, replay`, concurrent, samples.replay);
      }
    }
  } finally {
    await Promise.all([memory, redis, postgres].map((one) => one.close()));
    await pool.end();
  }
}

async function filled<Load extends { turn: number; concurrent: number }>(
  load: Load,
  call: (key: string) => Promise<unknown>,
  done: string[],
): Promise<Load> {
  for (let i = 0; i < load.turn; i += 1) {
    const key = `filled-${load.concurrent}-${i}`;
    await call(key);
    done.push(key);
  }
  return load;
}

const missing = (): never => {
  throw new Error('There is no call left to repeat.');
};
