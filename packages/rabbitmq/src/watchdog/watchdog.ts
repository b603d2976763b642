import { durationText } from '@acme/nest-message-context/kit';
import type { Logger } from '@nestjs/common';
import type { Client, ConsumedQueue, Consumers } from '../consumers/consumers.js';
import type { Consumer } from '../consumers/tapped-channel.js';
import type { Unsettled } from '../consumers/unsettled.js';
import type { Resubscriber } from './resubscriber.js';

const TICK_MS = 1_000;
/** A connection comes back by itself sooner. */
const PATIENCE_MS = 30_000;
/** Brokers are told to expect a sign of life within seconds. */
const MAX_LAG_MS = 2_000;

interface WatchdogParts {
  readonly consumers: Consumers;
  readonly resubscriber: Pick<Resubscriber, 'bringBack' | 'stop'>;
  /** What else is to be looked at every second. */
  readonly alsoLook: (now: number) => void;
  /** How long the broker waits until a message is settled. */
  readonly ackTimeoutMs: number;
  readonly log: Pick<Logger, 'warn' | 'error'>;
}

/** Sees that what is to be consumed is consumed, and that handlers do not take longer than the broker waits. */
export class Watchdog {
  #timer: NodeJS.Timeout | undefined;
  #expectedAt = 0;
  /** Deliveries that were named already. */
  readonly #named = new WeakSet<object>();

  constructor(private readonly parts: WatchdogParts) {
    const { consumers, resubscriber } = parts;
    consumers.onCancelled = (consumer: Consumer, client: Client): void =>
      void resubscriber.bringBack(consumer, client);
  }

  start(): void {
    this.#expectedAt = performance.now() + TICK_MS;
    this.#timer = setInterval(() => {
      this.#lookAtTheClock();
      this.runOnce();
    }, TICK_MS).unref();
  }

  /** Looks at every consumer and at everything that is being handled. */
  runOnce(now = performance.now()): void {
    const { consumers, ackTimeoutMs, alsoLook } = this.parts;
    alsoLook(now);
    for (const unsettled of consumers.unsettled())
      if (now - unsettled.since > ackTimeoutMs / 2) this.#nameLate(unsettled, now);
    for (const consumed of consumers.queues) this.#attach(consumed, now);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.parts.resubscriber.stop();
  }

  #nameLate({ delivery, consumer, since }: Unsettled, now: number): void {
    if (this.#named.has(delivery)) return;
    this.#named.add(delivery);
    const { type, messageId = '(no message id)' } = delivery.properties;
    this.parts.log.warn(
      `"${type ?? delivery.fields.routingKey}" ${messageId} of "${consumer.queue}" is being handled for ${durationText(now - since)} now. ` +
        `After ${durationText(this.parts.ackTimeoutMs)} (ackTimeout) the broker ends the consumer and delivers the message again, while this handler still runs. ` +
        'Have it do less, or give the queue more time (x-consumer-timeout, from RabbitMQ 3.12 on).',
    );
  }

  /** A library that has failed to set a channel up stays connected, and never tries again. */
  #attach(consumed: ConsumedQueue, now: number): void {
    const { client, queue, detachedSince, retriedAt = detachedSince } = consumed;
    if (detachedSince === undefined || now - Math.max(detachedSince, retriedAt ?? 0) < PATIENCE_MS)
      return;
    // The resubscriber is at it.
    const own = this.parts.consumers
      .channelsOf(client)
      .flatMap((channel) => [...channel.consumers]);
    if (own.some((one) => one.queue === queue && one.status === 'cancelled')) return;
    if (!isConnected(client)) return;
    consumed.retriedAt = now;
    this.parts.log.error(
      `"${queue}" is not consumed although ${client.name} is connected: reconnecting. Look above for why its consumer did not start.`,
    );
    client.reconnect();
  }

  #lookAtTheClock(): void {
    const lagMs = performance.now() - this.#expectedAt;
    this.#expectedAt = performance.now() + TICK_MS;
    if (lagMs > MAX_LAG_MS)
      this.parts.log.warn(
        `The event loop stood still for ${durationText(lagMs)}. Brokers close a connection that gives no sign of life for two heartbeats ` +
          '(twice 5 s with stock Nest and golevelup, unless heartbeatIntervalInSeconds says otherwise), and what is being handled then comes again. Move such work to a worker thread.',
      );
  }
}

function isConnected(client: Client): boolean {
  try {
    return client.isConnected();
  } catch {
    return false;
  }
}
