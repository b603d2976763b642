import type { RabbitMQConfig } from '@golevelup/nestjs-rabbitmq';
import { config } from './config';

/** Name under which `@RabbitSubscribe` finds its queue below. */
export const PAYMENT_CAPTURED = 'payment-captured';

const deadLetterQueue = `${config.QUEUE}.dead`;

/**
 * Who reads a queue declares it. A quorum queue, because it survives the loss of a broker node and counts deliveries; what
 * cannot be handled is kept in `<queue>.dead` instead of being dropped.
 */
export const rabbitMq: RabbitMQConfig = {
  uri: config.AMQP_URL,
  prefetchCount: config.PREFETCH,
  exchanges: [{ name: config.EVENTS_EXCHANGE, type: 'topic', options: { durable: true } }],
  queues: [
    {
      name: deadLetterQueue,
      options: { durable: true, arguments: { 'x-queue-type': 'quorum' } },
    },
  ],
  handlers: {
    [PAYMENT_CAPTURED]: {
      exchange: config.EVENTS_EXCHANGE,
      routingKey: 'payment.captured.*',
      queue: config.QUEUE,
      queueOptions: {
        durable: true,
        deadLetterExchange: '',
        deadLetterRoutingKey: deadLetterQueue,
        arguments: { 'x-queue-type': 'quorum' },
      },
    },
  },
  connectionInitOptions: { wait: true, timeout: 30_000 },
  connectionManagerOptions: { heartbeatIntervalInSeconds: 30, reconnectTimeInSeconds: 1 },
};
