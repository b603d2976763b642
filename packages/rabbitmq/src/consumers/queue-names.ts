import type { Consumers } from './consumers.js';

/**
 * The names of queues as stores have them. Where an application consumes from several virtual hosts a queue of one name may be in each:
 * what tells them apart is stable, and the same in every process.
 */
export class QueueNames {
  constructor(
    private readonly consumers: Pick<Consumers, 'clientOf'>,
    private readonly areSeveral: boolean,
  ) {}

  of(queue: string, delivery: object): string {
    const virtualHost = this.areSeveral
      ? this.consumers.clientOf(delivery)?.virtualHost
      : undefined;
    return virtualHost === undefined ? queue : `//${encodeURIComponent(virtualHost)}/${queue}`;
  }
}
