import { defineBenchmark } from '../benchmark.js';
import { drain } from './outbox/drain.js';
import { onGround } from './outbox/ground.js';
import { figures, type Key } from './outbox/report.js';

/** How fast events leave, beside the raw limit and the peers, and whether all of them arrive in their order. */
export const outbox = defineBenchmark<Key>({
  name: 'outbox',
  title:
    'How fast @acme/nest-outbox publishes and what it costs, beside its peers and the raw limit',
  services: ['postgres', 'rabbitmq'],
  figures,
  bars: {
    relayVsRawConfirms: { atLeast: 0.75 },
    relayVsOfficialShape: { atLeast: 6 },
    orderViolations: { atMost: 0 },
    lost: { atMost: 0 },
  },
  versionsOf: ['@acme/nest-outbox', '@nestjs/core', 'pg', 'amqplib'],
  run: (run) =>
    onGround(run.env, async (ground) => {
      run.progress('drain');
      await drain(run, ground);
    }),
});
