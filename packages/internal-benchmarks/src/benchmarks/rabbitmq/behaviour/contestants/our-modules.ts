import { MessageContextModule } from '@acme/nest-message-context';
import { RabbitMqModule, RmqOrdered } from '@acme/nest-rabbitmq';
import type { DynamicModule } from '@nestjs/common';
import { connect } from 'amqplib';
import type { Place } from '../contestant.js';
import { RETRY } from '../retry.js';

export const ourModules = ({ directUrl }: Place): DynamicModule[] => [
  MessageContextModule.forRoot(),
  RabbitMqModule.forRoot({
    connect: () => connect(directUrl),
    retry: { backoff: 'fixed', initial: RETRY.pauseMs, attempts: RETRY.attempts, jitter: false },
  }),
];

/** For handlers of messages that have a key; without one they would be parked. */
export const ourOrder = ({ isOrdered }: Place): MethodDecorator =>
  isOrdered ? RmqOrdered({ key: { payload: 'key' } }) : () => {};
