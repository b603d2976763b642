import { median } from '../../measure/statistics.js';
import type { Ground } from './ground.js';
import type { Loads } from './loads.js';
import type { Run } from './report.js';

const ROUNDS = 3;

/** Whether a relay gets slower when it is far behind: a million messages, between backlogs of 50,000. */
export async function largeBacklog(run: Run, ground: Ground, loads: Loads): Promise<void> {
  const { backlog, largeBacklog: many } = loads;
  if (many === null) return run.figure('drainAt1MVs50k', null);
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
    while (rates.length < ROUNDS) rates.push(await drain(backlog));
    return rates;
  };
  await drain(backlog);
  const before = await small();
  const large = await drain(many);
  const usual = median([...before, ...(await small())]);
  for (const [count, rate] of [
    [backlog, usual],
    [many, large],
  ] as const) {
    run.row('ours, one relay, by backlog', {
      messages: count,
      perSecond: Math.round(rate),
      settings: 'same process, same table',
    });
  }
  run.figure('drainAt1MVs50k', large / usual);
}
