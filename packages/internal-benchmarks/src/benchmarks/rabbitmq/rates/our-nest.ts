import { ReliableRmqServer } from '@acme/nest-rabbitmq/nest';
import type { Type } from '@nestjs/common';
import { QUORUM } from '../quorum.js';
import { runNest } from './nest-app.js';
import { ourModules } from './our-modules.js';
import type { Place } from './subject.js';

/** A Nest microservice on the queue, with our modules and our transport. */
export function runOurNest(place: Place, controller: Type): Promise<() => Promise<void>> {
  const { amqpUrl, queue, prefetch } = place;
  const strategy = new ReliableRmqServer({
    urls: [amqpUrl],
    queue,
    queueOptions: QUORUM,
    prefetchCount: prefetch,
  });
  return runNest(controller, ourModules(place), { strategy });
}
