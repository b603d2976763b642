import type { ConsumedQueue } from './consumers.js';
import type { Consumer } from './tapped-channel.js';
import type { Unsettled } from './unsettled.js';

/** How one queue is consumed now, by all its consumers of this application together. */
export interface QueueLoad {
  /** Consumers that the broker knows. */
  attached: number;
  /** Messages that are being handled or settled. */
  inFlight: number;
  /** As many may be; undefined where that is not limited, or was said before anybody listened. */
  prefetch: number | undefined;
  /** How many its present consumers have settled. */
  settled: number;
  /** When the oldest of those in work came in, by `performance.now()`; undefined where there is none. */
  oldestSince: number | undefined;
}

interface Sources extends Iterable<Consumer> {
  readonly queues: readonly ConsumedQueue[];
  unsettled(): readonly Unsettled[];
}

/** By queue; one that should be consumed and is not has no consumer. */
export function loadsOf(consumers: Sources): ReadonlyMap<string, QueueLoad> {
  const loads = new Map<string, QueueLoad>();
  const at = (queue: string): QueueLoad => {
    let load = loads.get(queue);
    if (!load) loads.set(queue, (load = { ...NOTHING }));
    return load;
  };
  for (const { queue } of consumers.queues) at(queue);
  for (const { queue, status, prefetch, settled } of consumers) {
    const load = at(queue);
    load.settled += settled;
    if (status !== 'attached') continue;
    const before = load.attached === 0 ? 0 : load.prefetch;
    load.prefetch = prefetch && before !== undefined ? before + prefetch : undefined;
    load.attached += 1;
  }
  for (const { consumer, since } of consumers.unsettled()) {
    const load = at(consumer.queue);
    load.inFlight += 1;
    load.oldestSince = Math.min(load.oldestSince ?? since, since);
  }
  return loads;
}

const NOTHING: QueueLoad = {
  attached: 0,
  inFlight: 0,
  prefetch: undefined,
  settled: 0,
  oldestSince: undefined,
};
