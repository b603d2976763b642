import { MessageContextModule } from '@acme/nest-message-context';
import { RabbitMqModule } from '@acme/nest-rabbitmq';
import type { DynamicModule } from '@nestjs/common';
import { connect } from 'amqplib';
import type { Additions } from './golevelup-app.js';
import type { Place } from './subject.js';
import { LATER_MS } from './wait-queue.js';

/** What is imported to have it all. */
export const ourModules = ({ amqpUrl, queue }: Place): DynamicModule[] => [
  MessageContextModule.forRoot(),
  RabbitMqModule.forRoot({
    connect: () => connect(amqpUrl),
    queues: { [queue]: { retry: { backoff: 'fixed', initial: LATER_MS, jitter: false } } },
  }),
];

/** The same with golevelup, and with the heartbeat that our guide advises. */
export const ourGolevelup = (place: Place): Additions => ({
  imports: ourModules(place),
  connectionManagerOptions: { heartbeatIntervalInSeconds: 30, reconnectTimeInSeconds: 1 },
});
