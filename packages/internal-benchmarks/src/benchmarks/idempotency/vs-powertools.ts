import { alternate } from '../../measure/alternate.js';
import { median } from '../../measure/statistics.js';
import type { Ground } from './ground.js';
import { CONCURRENT, loadOf } from './loads.js';
import { inRedis } from './our-service.js';
import { powertools } from './powertools-peer.js';
import { latencyRow, type Run } from './report.js';

const REPLY = { number: 4711, total: 129.9, currency: 'EUR', state: 'placed' };

/** A first call of a function: `makeIdempotent()` beside `service.run()`, both with a client of node-redis. */
export async function vsPowertools(run: Run, ground: Ground): Promise<void> {
  const ours = await inRedis(ground.nodeRedis, ground.mark);
  const theirs = await powertools(ground, async () => REPLY);
  const subjects = {
    theirs: (i: number) => theirs.call({ order: `order-${i}` }),
    ours: (i: number) =>
      ours.service.run(`order-${i}`, async () => REPLY, { name: 'vs powertools' }),
  };
  try {
    const ratios: number[] = [];
    for (const concurrent of CONCURRENT) {
      const samples = await alternate(subjects, loadOf(concurrent, run.quick));
      const ratio = median(samples.ours) / median(samples.theirs);
      ratios.push(ratio);
      latencyRow(run, 'powertools, Redis, first', concurrent, samples.theirs);
      latencyRow(run, 'ours, Redis, first', concurrent, samples.ours, {
        ratio,
        over: 'powertools',
      });
    }
    run.figure('vsPowertoolsFirst', Math.max(...ratios));
  } finally {
    await theirs.close();
    await ours.close();
  }
}
