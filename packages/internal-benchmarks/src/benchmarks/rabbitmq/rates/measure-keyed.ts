import { interleave, type Subject } from '../../../measure/interleave.js';
import { median, medianRatio } from '../../../measure/statistics.js';
import type { Ground } from '../ground.js';
import { keyed } from '../keyed.js';
import type { Loads } from '../loads.js';
import { keyedContent } from '../message.js';
import type { Run } from '../report.js';

const KEYS = 24;
const MAX_MS = 3;
const LANES_PREFETCH = 20;

const SETTINGS = `${KEYS} keys, handlers of 0 to ${MAX_MS} ms`;

const ENTRANTS = {
  'lanes-nest': { subject: '@RmqOrdered, Nest', prefetch: LANES_PREFETCH },
  'single-nest': { subject: 'one at a time, Nest', prefetch: 1 },
  'lanes-golevelup': { subject: '@RmqOrdered, golevelup', prefetch: LANES_PREFETCH },
  'single-golevelup': { subject: 'one at a time, golevelup', prefetch: 1 },
};

export type KeyedName = keyof typeof ENTRANTS;

/** What an order of keys is worth, beside the one way to have it without lanes. */
export async function measureKeyed(
  { figure, row }: Run,
  ground: Ground,
  { keyedMessages, keyedRounds, warmupRounds }: Loads,
): Promise<void> {
  const load = keyed({ messages: keyedMessages, keys: KEYS, maxMs: MAX_MS });
  const subjects = {} as Record<KeyedName, Subject>;
  const children = {} as Record<KeyedName, Awaited<ReturnType<Ground['subject']>>['child']>;
  const names = Object.keys(ENTRANTS) as KeyedName[];
  for (const name of names) {
    const { place, child } = await ground.subject(name, ENTRANTS[name].prefetch);
    children[name] = child;
    subjects[name] = async () => {
      const contentAt = (index: number) => keyedContent(load[index]!);
      await ground.fill(place.queue, keyedMessages, { form: 'plain', contentAt });
      return child.ask('run', keyedMessages);
    };
  }
  const rates = await interleave(subjects, {
    rounds: keyedRounds,
    warmup: Math.min(1, warmupRounds),
  });
  let violations = 0;
  for (const name of names) {
    const { subject, prefetch } = ENTRANTS[name];
    const found = await children[name].ask('violations');
    violations += found;
    row(subject, {
      perSecond: Math.round(median(rates[name])),
      cpuMicros: null,
      settings: `prefetch ${prefetch}, ${SETTINGS}; out of order: ${found}`,
    });
  }
  const ratio = Math.min(
    medianRatio(rates['lanes-nest'], rates['single-nest']),
    medianRatio(rates['lanes-golevelup'], rates['single-golevelup']),
  );
  // Fast, and wrong, is worth nothing.
  figure('orderedLanesVsPrefetch1', violations === 0 ? ratio : 0);
}
