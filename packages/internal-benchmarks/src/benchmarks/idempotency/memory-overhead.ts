import { cpuMicros } from '../../measure/cost.js';
import { interleave } from '../../measure/interleave.js';
import { median } from '../../measure/statistics.js';
import { inMemory } from './our-service.js';
import type { Run } from './report.js';

const REPLY = { number: 4711, total: 129.9, currency: 'EUR', state: 'placed' };

/** What we ourselves cost: a first call with a store that answers at once, and the function alone. */
export async function memoryOverhead(run: Run): Promise<void> {
  const [rounds, calls] = run.quick ? [5, 2_000] : [15, 10_000];
  const { service, close } = await inMemory();
  const handler = async () => REPLY;
  let next = 0;
  const repeat = (call: () => Promise<unknown>) => () =>
    cpuMicros(calls, async () => {
      for (let i = 0; i < calls; i += 1) await call();
    });
  try {
    const samples = await interleave(
      {
        bare: repeat(handler),
        ours: repeat(() => service.run(`memory-${next++}`, handler, { name: 'memory' })),
      },
      { rounds, warmup: 2 },
    );
    run.figure('memoryOverheadMicros', median(samples.ours) - median(samples.bare));
  } finally {
    await close();
  }
}
