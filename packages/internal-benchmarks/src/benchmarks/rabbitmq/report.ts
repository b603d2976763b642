import type { BenchmarkRun } from '../../benchmark.js';

/** The keys of the figures, each with its meaning. */
export const figures = {
  nestThroughputRatio:
    'deliveries per second of a Nest RMQ handler that does nothing, with our modules over without; prefetch 100, quorum queue',
  golevelupThroughputRatio: 'the same of a golevelup handler',
  retryHopVsRaw:
    'failed messages per second that are confirmed in their wait queue and acked, over what bare amqplib does; the slower of the two clients',
  publisherVsRaw:
    'messages per second of RabbitMqPublisher over those of bare amqplib confirms with mandatory and the same window',
};

export type Key = keyof typeof figures;
export type Run = BenchmarkRun<Key>;
