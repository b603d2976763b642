import type { RabbitMQConfig } from '@golevelup/nestjs-rabbitmq';
import { config } from './config';

/** Name under which `@RabbitSubscribe` finds its queue below. */
export const PAYMENT_CAPTURED = 'payment-captured';

/**
 * Who reads a queue declares it. A quorum queue, because it survives the loss of a broker node and counts deliveries; what the
 * broker gives up goes where `RabbitMqModule` parks what it gives up, and has declared the queue for it.
 */
export const rabbitMq: RabbitMQConfig = {
  uri: config.AMQP_URL,
  prefetchCount: config.PREFETCH,
  exchanges: [{ name: config.EVENTS_EXCHANGE, type: 'topic', options: { durable: true } }],
  handlers: {
    [PAYMENT_CAPTURED]: {
      exchange: config.EVENTS_EXCHANGE,
      routingKey: 'payment.captured.*',
      queue: config.QUEUE,
      queueOptions: {
        durable: true,
        deadLetterExchange: '',
        deadLetterRoutingKey: `${config.QUEUE}.dlq`,
        arguments: { 'x-queue-type': 'quorum' },
      },
    },
  },
  connectionInitOptions: { wait: true, timeout: 30_000 },
  connectionManagerOptions: { heartbeatIntervalInSeconds: 30, reconnectTimeInSeconds: 1 },
};
