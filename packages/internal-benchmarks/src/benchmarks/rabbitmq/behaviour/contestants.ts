import type { OpenContestant } from './contestant.js';

/** Somebody who takes part. */
export interface Contestant {
  readonly subject: string;
  /** Held to what a scenario expects; of others it is only told what they did. */
  readonly isOurs: boolean;
  /** How an event says what it is. */
  readonly form: 'plain' | 'packet';
  /** Loaded in its own process only, so that none of them runs with the libraries of another. */
  readonly load: () => Promise<{ readonly open: OpenContestant }>;
}

const all = {
  nest: {
    subject: 'Nest RMQ',
    isOurs: false,
    form: 'packet',
    load: () => import('./contestants/nest.js'),
  },
  golevelup: {
    subject: 'golevelup',
    isOurs: false,
    form: 'plain',
    load: () => import('./contestants/golevelup.js'),
  },
  rascal: {
    subject: 'rascal',
    isOurs: false,
    form: 'plain',
    load: () => import('./contestants/rascal.js'),
  },
  'rabbitmq-client': {
    subject: 'rabbitmq-client',
    isOurs: false,
    form: 'plain',
    load: () => import('./contestants/rabbitmq-client.js'),
  },
  'our-nest': {
    subject: 'ours, Nest RMQ',
    isOurs: true,
    form: 'plain',
    load: () => import('./contestants/our-nest.js'),
  },
  'our-golevelup': {
    subject: 'ours, golevelup',
    isOurs: true,
    form: 'plain',
    load: () => import('./contestants/our-golevelup.js'),
  },
} satisfies Record<string, Contestant>;

export type ContestantName = keyof typeof all;

export const contestants: Readonly<Record<ContestantName, Contestant>> = all;
