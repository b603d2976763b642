import type { AmqpDeliveryLike, MessageContext } from '@acme/nest-message-context';
import {
  EventChannels,
  EventSource,
  loadOtelApi,
  type OtelApi,
} from '@acme/nest-message-context/observability';
import { Logger } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { Consumers, ConsumersWatch } from '../consumers/consumers.js';
import { loadsOf } from '../consumers/queue-loads.js';
import type { DeliveryWatch, Unsettled } from '../consumers/unsettled.js';
import type { SequenceFinding } from '../core/key-sequence.js';
import { isServerNamed } from '../core/server-named.js';
import type { Slowness } from '../core/slow-consumer.js';
import { EVENT_TYPES, type RabbitMqEvent } from './event.js';
import { Metrics } from './metrics.js';
import { spanOf } from './tracing.js';
import { WatchedDelivery, watchOf, type Settled } from './watched-delivery.js';

const CHANNELS = new EventChannels<RabbitMqEvent>('rabbitmq', EVENT_TYPES);

/** Of each event apart, what it has beside the time. */
type Untold<Event = RabbitMqEvent> = Event extends RabbitMqEvent ? Omit<Event, 'at'> : never;

/** Tells what happens to messages and consumers, and makes nothing of it while nobody wants to know. */
export class Observability implements ConsumersWatch {
  readonly #logger = new Logger('RabbitMqModule');
  readonly #events = new EventSource<RabbitMqEvent>(CHANNELS, (error) =>
    this.#logger.error('A subscriber of RabbitMqEvents.events$ failed.', error),
  );
  readonly events$: Observable<RabbitMqEvent> = this.#events.events$;
  readonly #metrics: Metrics | undefined;

  constructor(
    consumers: Consumers,
    private readonly api?: OtelApi,
  ) {
    consumers.watchedBy = this;
    this.#metrics = api && new Metrics(api, () => loadsOf(consumers));
    this.look();
  }

  /** With OpenTelemetry where its API is installed. */
  static async load(consumers: Consumers): Promise<Observability> {
    return new Observability(consumers, await loadOtelApi());
  }

  /** Finds out whether there is an SDK now, which is to be shown what is consumed although nothing comes in. */
  look(): void {
    this.#metrics?.look();
  }

  /** Called for every delivery: it costs a few comparisons while nobody wants to know. */
  watch(delivery: AmqpDeliveryLike, queue: string): DeliveryWatch | undefined {
    const tracer = this.#metrics?.tracer;
    if (!tracer && !this.#metrics?.isOn && !this.#events.hasListeners) return undefined;
    const name = nameOf(queue);
    this.#metrics?.consumed(name);
    const span = this.api && spanOf(this.api, tracer, delivery, name);
    return new WatchedDelivery(delivery, name, span, this.#settled);
  }

  /** A message has come to its door. */
  opened(context: MessageContext): void {
    const { transport, raw } = context.message;
    if (transport !== 'rmq' && transport !== 'golevelup') return;
    if (Array.isArray(raw)) for (const one of raw) watchOf(one as object)?.entered(context);
    else watchOf(raw as object)?.entered(context);
  }

  /** Whether there is an SDK of OpenTelemetry. */
  get isMeasured(): boolean {
    return this.#metrics?.isOn === true || this.#metrics?.tracer !== undefined;
  }

  /** Sends a retry, or what is parked: it carries on the trace that it came with. */
  async sending(queue: string, send: () => Promise<void>): Promise<void> {
    const metrics = this.#metrics;
    if (!this.api || !metrics) return send();
    const since = performance.now();
    let code: string | undefined;
    try {
      await this.api.context.with(metrics.quiet, send);
    } catch (error) {
      code = (error as { readonly code?: string }).code ?? '_OTHER';
      throw error;
    } finally {
      metrics.sent(queue, performance.now() - since, code);
    }
  }

  lost(queue: string, reason: 'cancelled' | 'connection_lost'): void {
    if (this.#isOn) this.#tell({ type: 'consumer_lost', queue: nameOf(queue), reason });
  }

  back(queue: string, lostMs: number): void {
    if (this.#isOn) this.#tell({ type: 'consumer_back', queue: nameOf(queue), lostMs });
  }

  slow(queue: string, slowness: Slowness): void {
    if (this.#isOn) this.#tell({ type: 'slow_consumer', queue, ...slowness });
  }

  abandoned(unsettled: readonly Unsettled[]): void {
    const counts = new Map<string | undefined, number>();
    for (const { consumer } of unsettled) {
      const queue = nameOf(consumer.queue);
      counts.set(queue, (counts.get(queue) ?? 0) + 1);
    }
    for (const [queue, count] of counts) {
      this.#metrics?.abandoned({ queue, count });
      if (this.#isOn) this.#tell({ type: 'drain_abandoned', queue, count });
    }
  }

  outOfSequence(queue: string, found: SequenceFinding, number: number): void {
    const { finding } = found;
    if (finding === 'next') return;
    this.#metrics?.outOfSequence(queue, finding);
    const missing = 'missing' in found ? found.missing[1] - found.missing[0] + 1 : undefined;
    if (this.#isOn) this.#tell({ type: 'out_of_sequence', queue, finding, number, missing });
  }

  keyStopped(queue: string, messageId: string | undefined): void {
    this.#metrics?.keyStopped(queue);
    if (this.#isOn) this.#tell({ type: 'key_stopped', queue, messageId });
  }

  keyResumed(queue: string): void {
    this.#metrics?.keyResumed(queue);
    if (this.#isOn) this.#tell({ type: 'key_resumed', queue });
  }

  end(): void {
    this.#metrics?.end();
    this.#events.end();
  }

  get #isOn(): boolean {
    return this.#events.hasListeners;
  }

  readonly #settled = (settled: Settled): void => {
    this.#metrics?.settled(settled);
    if (!this.#isOn) return;
    const { correlationId: _, failed: __, ...untold } = settled;
    this.#tell(untold);
  };

  #tell(untold: Untold): void {
    this.#events.tell({ ...untold, at: new Date() } as RabbitMqEvent);
  }
}

const nameOf = (queue: string): string | undefined => (isServerNamed(queue) ? undefined : queue);
