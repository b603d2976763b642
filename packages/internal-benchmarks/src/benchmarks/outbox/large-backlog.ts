import { median } from '../../measure/statistics.js';
import type { Ground } from './ground.js';
import type { Loads } from './loads.js';
import type { Run } from './report.js';

const ROUNDS = 3;

/**
 * Whether a relay gets slower when it is far behind: a million messages, between backlogs of 50,000. Beside it the raw publisher, for
 * which only the queue is long: what it loses is the broker's.
 */
export async function largeBacklog(run: Run, ground: Ground, loads: Loads): Promise<void> {
  if (loads.largeBacklog === null) {
    run.figure('drainAt1MVs50k', null);
    run.figure('rawAt1MVs50k', null);
    return;
  }
  run.figure('drainAt1MVs50k', await largeVsUsual(run, ground, loads.largeBacklog, loads, 'ours'));
  run.figure('rawAt1MVs50k', await largeVsUsual(run, ground, loads.largeBacklog, loads, 'raw'));
}

const SUBJECTS = { ours: 'ours, one relay', raw: 'raw confirms, no database' } as const;

async function largeVsUsual(
  run: Run,
  ground: Ground,
  many: number,
  { backlog }: Loads,
  name: keyof typeof SUBJECTS,
): Promise<number> {
  const place = await ground.place(`large-backlog-${name}`);
  const child = await ground.child(name, place);
  const drain = async (count: number): Promise<number> => {
    await child.fill(count);
    await ground.settle();
    const rate = await child.drain(count);
    const { lost, orderViolations } = await ground.arrivals(place.queue, count);
    if (lost + orderViolations > 0)
      throw new Error(`Of ${count}, ${lost} were lost and ${orderViolations} out of order.`);
    run.progress(`${name}, backlog of ${count}: ${Math.round(rate)}/s`);
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
  await child.close();
  for (const [count, rate] of [
    [backlog, usual],
    [many, large],
  ] as const) {
    run.row(`${SUBJECTS[name]}, by backlog`, {
      messages: count,
      perSecond: Math.round(rate),
      settings: 'same process, same place',
    });
  }
  return large / usual;
}
