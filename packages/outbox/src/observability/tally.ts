import type { CountByType, OutboxPublishedEvent } from './event.js';

/** How long messages took, until it is told. */
export class Tally {
  #count = 0;
  #sum = 0;
  #max = 0;

  add(latencyMs: number): void {
    this.#count += 1;
    this.#sum += latencyMs;
    this.#max = Math.max(this.#max, latencyMs);
  }

  take(): OutboxPublishedEvent['latencyMs'] {
    if (this.#count === 0) return undefined;
    const taken = { mean: this.#sum / this.#count, max: this.#max };
    this.#count = this.#sum = this.#max = 0;
    return taken;
  }
}

export function countByType(messages: readonly { readonly type: string }[]): CountByType {
  const counts = new Map<string, number>();
  for (const { type } of messages) counts.set(type, (counts.get(type) ?? 0) + 1);
  return Object.fromEntries(counts);
}
