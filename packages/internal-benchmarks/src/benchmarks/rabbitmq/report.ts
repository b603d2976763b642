import type { BenchmarkRun } from '../../benchmark.js';

/** The keys of the figures, each with its meaning. */
export const figures = {
  nestThroughputRatio:
    'deliveries per second of a Nest handler that does nothing, with ReliableRmqServer over stock RMQ; prefetch 100, quorum queue',
  golevelupThroughputRatio: 'the same of a golevelup handler, with our modules over without',
  retryHopVsRaw:
    'failed messages per second that are confirmed in their wait queue and acked, over what bare amqplib does; the slower of the two clients',
  publisherVsRaw:
    'messages per second of RabbitMqPublisher over those of bare amqplib confirms with mandatory and the same window',
  orderedLanesVsPrefetch1:
    'messages of 24 keys per second with @RmqOrdered and prefetch 20, over those with prefetch 1 and without it; handlers of 0 to 3 ms; the slower of the two clients; 0 if any was out of order',
  drainLost:
    'messages that were lost, left, or begun again by ours when it was told to end amid work',
};

export type Key = keyof typeof figures;
export type Run = BenchmarkRun<Key>;
