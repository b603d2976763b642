import { defineBenchmark } from '../benchmark.js';
import { blocked } from './outbox/blocked.js';
import { drain } from './outbox/drain.js';
import { enqueue } from './outbox/enqueue.js';
import { onGround, type Ground } from './outbox/ground.js';
import { largeBacklog } from './outbox/large-backlog.js';
import { latency } from './outbox/latency.js';
import { FULL, QUICK, type Loads } from './outbox/loads.js';
import { figures, type Key, type Run } from './outbox/report.js';
import { twoRelays } from './outbox/two-relays.js';

/** How fast events leave, beside the raw limit and the peers, and whether all of them arrive in their order. */
export const outboxWith = (loadsOf: (quick: boolean) => Loads) =>
  defineBenchmark<Key>({
    name: 'outbox',
    title:
      'How fast @acme/nest-outbox publishes and what it costs, beside its peers and the raw limit',
    services: ['postgres', 'rabbitmq'],
    figures,
    bars: {
      relayVsRawConfirms: { atLeast: 0.75 },
      relayVsOfficialShape: { atLeast: 6 },
      relayVsBestPeer: { atLeast: 2 },
      drainAt1MVs50k: { atLeast: 0.8 },
      enqueueExtraStatements: { atMost: 1 },
      addVsHandInsert: { atMost: 1.15 },
      latencyP50Ms: { atMost: 10 },
      latencyP99Ms: { atMost: 50 },
      emptyPollMsBlocked100k: { atMost: 5 },
      orderViolations: { atMost: 0 },
      lost: { atMost: 0 },
    },
    versionsOf: [
      '@acme/nest-outbox',
      '@nestjs/core',
      'pg',
      'amqplib',
      'pg-boss',
      'graphile-worker',
      'pg-transactional-outbox',
      '@fullstackhouse/nestjs-outbox',
      'typeorm',
    ],
    run: (run) =>
      onGround(run.env, async (ground) => {
        const step = async (
          what: string,
          measure: (run: Run, ground: Ground, loads: Loads) => Promise<void>,
        ): Promise<void> => {
          run.progress(what);
          await measure(run, ground, loadsOf(run.quick));
        };
        await step('what add() costs', enqueue);
        await step('commit to confirm', latency);
        await step('a blocked backlog', blocked);
        await step('drain', drain);
        await step('two relays', twoRelays);
        await step('a large backlog', largeBacklog);
      }),
  });

export const outbox = outboxWith((quick) => (quick ? QUICK : FULL));
