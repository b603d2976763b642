import { interleave } from '../../measure/interleave.js';
import { median } from '../../measure/statistics.js';
import type { Arrivals } from './arrivals.js';
import { entrants, type EntrantName } from './entrants.js';
import type { Ground } from './ground.js';
import type { Loads } from './loads.js';
import type { Run } from './report.js';

/** How fast a backlog gets to the broker, each subject in a process of its own, and what arrived. */
export async function drain(run: Run, ground: Ground, loads: Loads): Promise<void> {
  const { backlog, rounds, warmupRounds } = loads;
  const opened = await Promise.all(
    entrants.map(async ([name, { module, share }]) => {
      const place = await ground.place(module);
      const child = await ground.child(module, place);
      return { name, module, place, child, count: Math.round(backlog * share) };
    }),
  );
  const arrivals = {} as Record<EntrantName, Arrivals[]>;
  const subjects = {} as Record<EntrantName, () => Promise<number>>;
  for (const { name, module, place, child, count } of opened) {
    arrivals[name] = [];
    subjects[name] = async () => {
      await child.fill(count);
      await ground.settle();
      const rate = await child.drain(count);
      arrivals[name].push(await ground.arrivals(place.queue, count));
      run.progress(`${module}: ${Math.round(rate)}/s`);
      return rate;
    };
  }
  const rates = await interleave(subjects, { rounds, warmup: warmupRounds });
  const rate = (name: EntrantName): number => median(rates[name]);
  for (const [name, { subject, settings, share }] of entrants) {
    run.row(subject, {
      messages: Math.round(backlog * share),
      perSecond: Math.round(rate(name)),
      ...totals(arrivals[name]),
      settings,
    });
  }
  const bestPeer = Math.max(
    ...entrants.filter(([, { isPeer }]) => isPeer).map(([name]) => rate(name)),
  );
  run.figure('relayVsRawConfirms', rate('ours') / rate('raw'));
  run.figure('relayVsOfficialShape', rate('ours') / rate('officialShape'));
  run.figure('relayVsBestPeer', rate('ours') / bestPeer);
  const { duplicates, lost, orderViolations } = totals(arrivals.ours);
  run.figure('orderViolations', orderViolations);
  run.figure('lost', lost);
  run.figure('duplicates', duplicates);
}

function totals(arrivals: readonly Arrivals[]) {
  const sum = (of: (one: Arrivals) => number): number =>
    arrivals.reduce((total, one) => total + of(one), 0);
  return {
    duplicates: sum((one) => one.duplicates),
    orderViolations: sum((one) => one.orderViolations),
    lost: sum((one) => one.lost),
  };
}
