import { median } from '../../measure/statistics.js';
import type { Ground } from './ground.js';
import type { Run } from './report.js';

const SMALL = 50_000;
const LARGE = 1_000_000;
const ROUNDS = 3;

/** Whether a relay gets slower when it is far behind: a million messages, between backlogs of 50,000. */
export async function largeBacklog(run: Run, ground: Ground): Promise<void> {
  // Nothing smaller says the same, and a million takes minutes.
  if (run.quick) return run.figure('drainAt1MVs50k', null);
  const place = await ground.place('large-backlog');
  const child = await ground.child('ours', place);
  const drain = async (count: number): Promise<number> => {
    await child.fill(count);
    await ground.settle();
    const rate = await child.drain(count);
    const { lost, orderViolations } = await ground.arrivals(place.queue, count);
    if (lost + orderViolations > 0)
      throw new Error(`Of ${count}, ${lost} were lost and ${orderViolations} out of order.`);
    run.progress(`backlog of ${count}: ${Math.round(rate)}/s`);
    return rate;
  };
  const small = async (): Promise<number[]> => {
    const rates: number[] = [];
    while (rates.length < ROUNDS) rates.push(await drain(SMALL));
    return rates;
  };
  await drain(SMALL);
  const before = await small();
  const large = await drain(LARGE);
  const rates = { [SMALL]: median([...before, ...(await small())]), [LARGE]: large };
  for (const [count, rate] of Object.entries(rates)) {
    run.row('ours, one relay, by backlog', {
      messages: Number(count),
      perSecond: Math.round(rate),
      settings: 'same process, same table',
    });
  }
  run.figure('drainAt1MVs50k', large / (rates[SMALL] ?? NaN));
}
