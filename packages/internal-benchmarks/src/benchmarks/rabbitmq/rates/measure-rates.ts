import { interleave, type Subject } from '../../../measure/interleave.js';
import { median, medianRatio } from '../../../measure/statistics.js';
import { waitFor } from '../../../measure/wait-for.js';
import { WINDOW, type Ground, type Load, type Rated } from '../ground.js';
import type { Loads } from '../loads.js';
import { contentOf, type Form } from '../message.js';
import type { Run } from '../report.js';
import type { KeyedName } from './measure-keyed.js';
import type { SubjectName } from './subjects.js';

/** Those that handle, fail or publish as many as they can. */
type RatedName = Exclude<SubjectName, KeyedName>;

const loadOf = (form: Form): Load => ({ form, contentAt: (index) => contentOf(index, form) });

type Prepare = (ground: Ground, rated: Rated, loads: Loads) => Subject;

/** A turn of a consumer: everything is in its queue when it begins. */
const consuming =
  (form: Form): Prepare =>
  ({ fill }, { place, child }, { messages }) =>
  async () => {
    await fill(place.queue, messages, loadOf(form));
    return child.ask('run', messages);
  };

/** A turn of a consumer whose messages all fail: over when the wait queue has them. */
const failing =
  (form: Form): Prepare =>
  ({ fill, depth, purge }, { place, child }, { failures }) =>
  async () => {
    await fill(place.queue, failures, loadOf(form));
    const start = performance.now();
    await child.ask('run', failures);
    await waitFor(
      async () => (await depth(place.waitQueue)) === failures,
      `${failures} messages in ${place.waitQueue}`,
      60_000,
    );
    const elapsedMs = performance.now() - start;
    await purge(place.waitQueue);
    return failures / (elapsedMs / 1_000);
  };

const publishing: Prepare =
  ({ depth, purge }, { place, child }, { messages }) =>
  async () => {
    const rate = await child.ask('run', messages);
    const arrived = await depth(place.queue);
    if (arrived !== messages) throw new Error(`Only ${arrived} of ${messages} have arrived.`);
    await purge(place.queue);
    return rate;
  };

interface Entrant {
  readonly subject: string;
  readonly settings: string;
  readonly prepare: Prepare;
}

const CONSUMER = 'prefetch 100, a handler that does nothing';
const FAILING = 'prefetch 100, every message fails';
const PUBLISHER = `window ${WINDOW}, mandatory, a call for each message`;

const ENTRANTS: Readonly<Record<RatedName, Entrant>> = {
  'nest-bare': { subject: 'Nest RMQ', settings: CONSUMER, prepare: consuming('packet') },
  'nest-ours': {
    subject: 'Nest with ReliableRmqServer',
    settings: CONSUMER,
    prepare: consuming('packet'),
  },
  'golevelup-bare': { subject: 'golevelup', settings: CONSUMER, prepare: consuming('plain') },
  'golevelup-ours': {
    subject: 'golevelup with our modules',
    settings: CONSUMER,
    prepare: consuming('plain'),
  },
  'hop-raw': {
    subject: 'retry hop, bare amqplib (the limit)',
    settings: FAILING,
    prepare: failing('plain'),
  },
  'hop-nest': {
    subject: 'retry hop, ReliableRmqServer',
    settings: FAILING,
    prepare: failing('packet'),
  },
  'hop-golevelup': {
    subject: 'retry hop, golevelup',
    settings: FAILING,
    prepare: failing('plain'),
  },
  'publisher-raw': {
    subject: 'confirms, bare amqplib (the limit)',
    settings: PUBLISHER,
    prepare: publishing,
  },
  'publisher-ours': { subject: 'RabbitMqPublisher', settings: PUBLISHER, prepare: publishing },
};

const messagesOf = (name: RatedName, { messages, failures }: Loads): number =>
  name.startsWith('hop') ? failures : messages;

type Rates = Readonly<Record<RatedName, readonly number[]>>;

/** How fast messages are handled, failed and published, each subject in a process of its own. */
export async function measureRates(run: Run, ground: Ground, loads: Loads): Promise<void> {
  const subjects = {} as Record<RatedName, Subject>;
  const micros = {} as Record<RatedName, number[]>;
  const entrants = Object.entries(ENTRANTS) as [RatedName, Entrant][];
  for (const [name, { prepare }] of entrants) {
    const rated = await ground.subject(name);
    const turn = prepare(ground, rated, loads);
    micros[name] = [];
    subjects[name] = async () => {
      const before = await rated.child.ask('cpu');
      const rate = await turn();
      micros[name].push(((await rated.child.ask('cpu')) - before) / messagesOf(name, loads));
      return rate;
    };
  }
  const rates = await interleave(subjects, { rounds: loads.rounds, warmup: loads.warmupRounds });
  for (const [name, { subject, settings }] of entrants)
    run.row(subject, {
      perSecond: Math.round(median(rates[name])),
      cpuMicros: Math.round(median(micros[name].slice(loads.warmupRounds))),
      settings,
    });
  report(run, rates);
}

function report({ figure }: Run, rates: Rates): void {
  const ratio = (one: RatedName, other: RatedName): number => medianRatio(rates[one], rates[other]);
  figure('nestThroughputRatio', ratio('nest-ours', 'nest-bare'));
  figure('golevelupThroughputRatio', ratio('golevelup-ours', 'golevelup-bare'));
  figure(
    'retryHopVsRaw',
    Math.min(ratio('hop-nest', 'hop-raw'), ratio('hop-golevelup', 'hop-raw')),
  );
  figure('publisherVsRaw', ratio('publisher-ours', 'publisher-raw'));
}
