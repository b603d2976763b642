import { startPrivate } from '@acme/internal-testing/services';
import type { Run } from '../report.js';
import { contestants, type ContestantName } from './contestants.js';
import type { Broker, Company, Outcome, Scenario } from './scenario.js';
import { scenarios } from './scenarios.js';
import { terminated } from './scenarios/outages.js';
import { Stage } from './stage.js';

/** All of it, on a broker of its own, because it is restarted. */
export async function observeAll(run: Run): Promise<void> {
  const broker = await startPrivate('rabbitmq');
  try {
    for (const scenario of scenarios) await observe(run, scenario, broker);
  } finally {
    await broker.stop();
  }
}

/** What takes seconds, on a broker that others may use. */
export async function observeShort(run: Run): Promise<void> {
  const restart = () => Promise.reject(new Error('This broker is not ours to restart.'));
  const broker = { url: run.env['AMQP_URL'] ?? '', restart };
  for (const scenario of scenarios) if (scenario.isShort) await observe(run, scenario, broker);
}

/** All at once: they do next to nothing but wait. */
async function observe(run: Run, scenario: Scenario, broker: Broker): Promise<void> {
  run.progress(scenario.title);
  const all = Object.keys(contestants) as ContestantName[];
  const taking = all.filter((name) => scenario.without?.[name] === undefined);
  const company: Company = { broker, together: meetingOf(taking.length) };
  const outcomes = new Map(
    await Promise.all(
      taking.map(async (name) => [name, await played(scenario, name, company)] as const),
    ),
  );
  for (const name of all) {
    const outcome = outcomes.get(name);
    const { subject, isOurs } = contestants[name];
    const expected = isOurs ? scenario.expected : undefined;
    run.observe({
      scenario: scenario.title,
      subject,
      ...(outcome ? cellsOf(outcome, scenario) : { note: scenario.without?.[name] ?? '' }),
      ok: outcome && expected ? expected(outcome, name) : null,
    });
  }
  if (scenario !== terminated) return;
  const ours = [...outcomes].filter(([name]) => contestants[name].isOurs);
  run.figure(
    'drainLost',
    ours.reduce((sum, [, { lost, left, begunAgain = 0 }]) => sum + lost + left + begunAgain, 0),
  );
}

async function played(
  scenario: Scenario,
  name: ContestantName,
  company: Company,
): Promise<Outcome> {
  const stage = await Stage.open(name, company.broker, scenario.settings ?? {});
  try {
    const seen = await scenario.play(stage, company);
    const account = await stage.account();
    return { ...account, ...seen, crashes: stage.supervisor.crashes.length };
  } finally {
    await stage.close();
  }
}

const cellsOf = (
  { note, crashes, recoveryMs, reordered, ...account }: Outcome,
  { isCounted = true }: Scenario,
) => ({
  ...(isCounted ? account : {}),
  ...(reordered === undefined ? {} : { reordered }),
  ...(recoveryMs === undefined
    ? {}
    : { recoveryMs: recoveryMs === null ? 'never' : Math.round(recoveryMs) }),
  note: [note, crashes > 0 && `the process ended ${crashes === 1 ? 'once' : `${crashes} times`}`]
    .filter(Boolean)
    .join('; '),
});

/** A point where so many meet, and where something is done when all have come. */
export function meetingOf(count: number): Company['together'] {
  let missing = count;
  let all: () => void;
  const met = new Promise<void>((resolve) => (all = resolve));
  let done: Promise<void> | undefined;
  return async (work) => {
    missing -= 1;
    if (missing === 0) all();
    await met;
    await (done ??= work());
  };
}
