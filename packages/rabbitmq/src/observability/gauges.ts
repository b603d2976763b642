import type { BatchCallback, MeterLike } from '@acme/nest-message-context/observability';
import type { QueueLoad } from '../consumers/queue-loads.js';
import { isServerNamed } from '../core/server-named.js';
import { ofQueue } from './attributes.js';

const NONE: QueueLoad = {
  attached: 0,
  inFlight: 0,
  prefetch: undefined,
  settled: 0,
  oldestSince: undefined,
};

/** How queues are consumed at the moment. */
export class Gauges {
  /** An SDK goes on with the last value that it was told: of a queue that is no longer consumed, 0 has to be told. */
  readonly #seen = new Set<string>();
  #ended = false;
  /** From now on nothing is told. */
  readonly remove: () => void;

  constructor(meter: MeterLike, loads: () => ReadonlyMap<string, QueueLoad>) {
    const gauge = (name: string, unit: string, description: string) =>
      meter.createObservableGauge(name, { description, unit });
    const consumers = gauge('acme.rabbitmq.consumers', '{consumer}', 'Consumers attached.');
    const inFlight = gauge('acme.rabbitmq.in_flight', '{message}', 'Messages in work.');
    const used = gauge('acme.rabbitmq.prefetch.utilization', '1', 'Messages in work, by prefetch.');
    const oldest = gauge('acme.rabbitmq.oldest_in_flight', 's', 'Age of the oldest in work.');
    const observe: BatchCallback = (result) => {
      const found = this.#ended ? new Map<string, QueueLoad>() : loads();
      const now = performance.now();
      for (const queue of found.keys()) if (!isServerNamed(queue)) this.#seen.add(queue);
      for (const queue of this.#seen) {
        const load = found.get(queue) ?? NONE;
        const attributes = ofQueue(queue);
        result.observe(consumers, load.attached, attributes);
        result.observe(inFlight, load.inFlight, attributes);
        result.observe(used, load.prefetch ? load.inFlight / load.prefetch : 0, attributes);
        const age = load.oldestSince === undefined ? 0 : (now - load.oldestSince) / 1_000;
        result.observe(oldest, age, attributes);
      }
      if (this.#ended) queueMicrotask(this.remove);
    };
    const all = [consumers, inFlight, used, oldest];
    meter.addBatchObservableCallback(observe, all);
    this.remove = () => meter.removeBatchObservableCallback(observe, all);
  }

  /** The application has shut down, perhaps not the process: 0 is told once more. */
  end(): void {
    this.#ended = true;
  }
}
