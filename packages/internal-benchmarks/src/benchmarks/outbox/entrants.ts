import { WINDOW } from './ground.js';
import type { SubjectName } from './subjects.js';

/** Who takes part in the drain. */
export interface Entrant {
  readonly module: SubjectName;
  readonly subject: string;
  readonly settings: string;
  /** How much of the backlog it gets. A smaller one is no disadvantage: it makes nobody slower. */
  readonly share: number;
  readonly isPeer?: boolean;
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
  pgBoss: {
    module: 'pg-boss',
    subject: 'pg-boss',
    settings: '2 workers, batches of 500 published at once, no pause (notifyWorker)',
    share: 0.3,
    isPeer: true,
  },
  graphileWorker: {
    module: 'graphile-worker',
    subject: 'graphile-worker',
    settings: 'localQueue 500, 200 jobs in flight, completeJobBatchDelay 0',
    share: 0.3,
    isPeer: true,
  },
  pgTransactionalOutbox: {
    module: 'pg-transactional-outbox',
    subject: 'pg-transactional-outbox',
    settings: "polling, concurrency 'parallel', 40 in work, refilled by 20 at least",
    share: 0.02,
    isPeer: true,
  },
  fullstackhouse: {
    module: 'fullstackhouse',
    subject: '@fullstackhouse/nestjs-outbox',
    settings: 'TypeORM driver, 1,000 a poll, polls every 50 ms, 20 connections',
    share: 0.02,
    isPeer: true,
  },
} satisfies Record<string, Entrant>;

export type EntrantName = keyof typeof ENTRANTS;

export const entrants = Object.entries(ENTRANTS) as [EntrantName, Entrant][];
