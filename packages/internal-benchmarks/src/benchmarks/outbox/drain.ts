import { interleave } from '../../measure/interleave.js';
import { median } from '../../measure/statistics.js';
import type { Arrivals } from './arrivals.js';
import type { Ground } from './ground.js';
import { WINDOW } from './ground.js';
import type { Run } from './report.js';

/** A subject's module, who it is, how it is set up, and how much of the backlog it gets. */
interface Entrant {
  readonly module: string;
  readonly subject: string;
  readonly settings: string;
  readonly share: number;
}

const ENTRANTS = {
  raw: {
    module: 'raw',
    subject: 'raw confirms, no database (the limit)',
    settings: `window ${WINDOW}`,
    share: 1,
  },
  ours: {
    module: 'ours',
    subject: '@acme/nest-outbox, one relay',
    settings: `defaults: window ${WINDOW}, batches of 500, 16 lanes`,
    share: 1,
  },
  officialShape: {
    module: 'official-shape',
    subject: 'official shape, by hand',
    settings: 'claim 100; publish, confirm, delete each; 10 keys in flight',
    share: 0.1,
  },
} satisfies Record<string, Entrant>;

type Name = keyof typeof ENTRANTS;

/** How fast a backlog gets to the broker, each subject in its own process, and what arrived. */
export async function drain(run: Run, ground: Ground): Promise<void> {
  const [backlog, rounds] = run.quick ? [20_000, 3] : [50_000, 5];
  const arrivals = {} as Record<Name, Arrivals[]>;
  const subjects = {} as Record<Name, () => Promise<number>>;
  for (const [name, { module, share }] of Object.entries(ENTRANTS) as [Name, Entrant][]) {
    const place = await ground.place(module);
    const child = await ground.child(module, place);
    const count = backlog * share;
    arrivals[name] = [];
    subjects[name] = async () => {
      await child.fill(count);
      await ground.settle();
      const rate = await child.drain(count);
      arrivals[name].push(await ground.arrivals(place.queue, count));
      run.progress(`${name}: ${Math.round(rate)}/s`);
      return rate;
    };
  }
  const rates = await interleave(subjects, { rounds, warmup: 1 });
  const rate = (name: Name): number => median(rates[name]);
  for (const [name, { subject, settings, share }] of Object.entries(ENTRANTS) as [
    Name,
    Entrant,
  ][]) {
    run.row(subject, {
      messages: backlog * share,
      perSecond: Math.round(rate(name)),
      ...totals(arrivals[name]),
      settings,
    });
  }
  run.figure('relayVsRawConfirms', rate('ours') / rate('raw'));
  run.figure('relayVsOfficialShape', rate('ours') / rate('officialShape'));
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
