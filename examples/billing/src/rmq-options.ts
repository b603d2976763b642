import { PlainJsonDeserializer } from '@acme/nest-message-context';
import { Transport, type RmqOptions } from '@nestjs/microservices';
import { config } from './config.js';
import { queueOptions } from './topology.js';

// #region options
export const rmqOptions: RmqOptions = {
  transport: Transport.RMQ,
  options: {
    urls: [config.AMQP_URL],
    queue: config.QUEUE,
    queueOptions,
    // The default would have the broker forget every message before it is handled.
    noAck: false,
    prefetchCount: config.PREFETCH,
    socketOptions: { heartbeatIntervalInSeconds: 30, reconnectTimeInSeconds: 1 },
    deserializer: new PlainJsonDeserializer(),
  },
};
// #endregion
