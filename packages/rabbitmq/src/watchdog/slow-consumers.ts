import { durationText } from '@acme/nest-message-context/kit';
import type { Logger } from '@nestjs/common';
import type { QueueLoad } from '../consumers/queue-loads.js';
import {
  isFull,
  slownessOf,
  SLOW_WINDOW_MS,
  type LoadSample,
  type Slowness,
} from '../core/slow-consumer.js';

/** Who is slow, is slow for a while. */
const SILENCE_MS = 15 * 60_000;

interface SlowConsumersParts {
  readonly loads: () => ReadonlyMap<string, QueueLoad>;
  readonly tell: (queue: string, slowness: Slowness) => void;
  readonly log: Pick<Logger, 'warn'>;
}

/** Sees that handlers become slower while messages wait for them. */
export class SlowConsumers {
  readonly #samples = new Map<string, LoadSample[]>();
  /** By queue, when it was told. */
  readonly #told = new Map<string, number>();

  constructor(private readonly parts: SlowConsumersParts) {}

  /** Called every second or so. */
  look(now: number): void {
    const loads = this.parts.loads();
    for (const queue of this.#samples.keys()) if (!loads.has(queue)) this.#samples.delete(queue);
    for (const [queue, load] of loads) this.#lookAt(queue, { ...load, at: now });
  }

  #lookAt(queue: string, sample: LoadSample): void {
    const before = this.#samples.get(queue) ?? [];
    // With the consumer, its count has begun anew.
    const isNew = sample.settled < (before.at(-1)?.settled ?? 0);
    if (isNew || !isFull(sample)) {
      this.#samples.delete(queue);
      return;
    }
    const samples = [...before.filter(({ at }) => sample.at - at <= SLOW_WINDOW_MS), sample];
    this.#samples.set(queue, samples);
    const slowness = slownessOf(samples);
    const isSilent = sample.at - (this.#told.get(queue) ?? -Infinity) < SILENCE_MS;
    if (!slowness || isSilent) return;
    this.#told.set(queue, sample.at);
    this.parts.log.warn(advice(queue, slowness));
    this.parts.tell(queue, slowness);
  }
}

const advice = (queue: string, { prefetch, beforeMs, nowMs }: Slowness): string =>
  `"${queue}" is slow: for a minute ${prefetch} message(s) were in work, as many as its prefetch allows, and each now takes ${durationText(nowMs)} ` +
  `instead of ${durationText(beforeMs)}. Look first at what its handlers wait for (a database, another service). If that is well, start more instances. ` +
  'A larger prefetch helps only where handlers wait for others that can take more: where they compute, or what they wait for is busy, it makes each message slower. ' +
  `Not said again for ${durationText(SILENCE_MS)}.`;
