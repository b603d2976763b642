import { interleave } from '../../measure/interleave.js';
import { median } from '../../measure/statistics.js';
import { waitFor } from '../../measure/wait-for.js';
import type { Child } from './child.js';
import type { Ground } from './ground.js';
import type { Loads } from './loads.js';
import { addAll, openOurs } from './our-app.js';
import type { Run } from './report.js';
import type { Place } from './subject.js';

/** What a second relay, in a process of its own, adds to the rate of the first. */
export async function twoRelays(run: Run, ground: Ground, loads: Loads): Promise<void> {
  const { backlog, twoRelaysRounds: rounds, warmupRounds: warmup } = loads;
  // They do not see the commit, which is another process's: what is measured begins when they do.
  const place = { ...(await ground.place('two-relays')), pollInterval: 20 };
  const producer = await openOurs(place);
  try {
    const relays = await Promise.all([0, 1].map(() => ground.child('ours', place)));
    const rateOf = (some: readonly Child[]) => async (): Promise<number> => {
      await start(ground, place, some);
      // All become visible at once.
      await producer.transactions.run(() => addAll(producer, place, backlog));
      const rate = await arrivalRate(ground, place.queue, backlog);
      for (const relay of some) await relay.stop();
      const { lost, orderViolations, duplicates } = await ground.arrivals(place.queue, backlog);
      if (lost + orderViolations + duplicates > 0)
        throw new Error(
          `${some.length} relay(s): ${lost} lost, ${orderViolations} out of order, ${duplicates} twice.`,
        );
      await ground.settle();
      run.progress(`${some.length} relay(s): ${Math.round(rate)}/s`);
      return rate;
    };
    const rates = await interleave(
      { one: rateOf(relays.slice(0, 1)), two: rateOf(relays) },
      { rounds, warmup },
    );
    for (const [who, samples] of Object.entries(rates)) {
      run.row(`ours, ${who} relay(s), running when the backlog comes`, {
        messages: backlog,
        perSecond: Math.round(median(samples)),
        settings: 'each in its process, 16 lanes between them',
      });
    }
    run.figure('twoRelaysVsOne', median(rates.two) / median(rates.one));
  } finally {
    await producer.close();
  }
}

/** Resolves when these relays share all lanes. */
async function start(ground: Ground, { schema }: Place, relays: readonly Child[]): Promise<void> {
  for (const relay of relays) await relay.start();
  await waitFor(
    async () => {
      const { rows } = await ground.admin.query<{ free: number; owners: number }>(
        `select count(*) filter (where owner is null)::int as free, count(distinct owner)::int as owners
         from ${schema}.outbox_lanes`,
      );
      return rows[0]?.free === 0 && rows[0].owners === relays.length;
    },
    'the relays to share the lanes',
    60_000,
  );
}

/** From the first message in the queue to the last. */
async function arrivalRate(ground: Ground, queue: string, expected: number): Promise<number> {
  let first = 0;
  let since = 0;
  await waitFor(
    async () => {
      const depth = await ground.depth(queue);
      if (first === 0 && depth > 0) [first, since] = [depth, performance.now()];
      return depth >= expected;
    },
    `${expected} messages in ${queue}`,
    120_000,
  );
  return (expected - first) / ((performance.now() - since) / 1_000);
}
