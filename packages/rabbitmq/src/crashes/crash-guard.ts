import type { AttemptKey } from '@acme/nest-message-context';
import type { Logger } from '@nestjs/common';
import type { Client, Consumers } from '../consumers/consumers.js';
import type { QueueNames } from '../consumers/queue-names.js';
import type { Unsettled } from '../consumers/unsettled.js';
import { deliveryLimitOf } from '../core/delivery-limit.js';
import { HandlingTurns, type Manner } from '../core/handling-turns.js';
import { countIn } from '../core/hop-properties.js';
import { textOf } from '../core/read-safely.js';
import type { RabbitMqSettings } from '../rabbitmq.options.js';
import type { BrokerSettlement } from '../settlement/broker-settlement.js';
import type { Attempts } from './attempts.js';
import { CRASH_LOOP, diedOfIt, gaveItBack } from './crash-reasons.js';
import type { DeliveryGate } from './delivery-gate.js';
import type { Addressed, HandlerFinder } from './handler-finder.js';

/**
 * What a process has survived so long it does not die of: others have waited for it long enough. Of what takes longer, brokers count the
 * deliveries.
 */
const PATIENCE_MS = 60_000;

const DELIVERY_COUNT = 'x-delivery-count';

interface GuardParts {
  readonly attempts: Attempts;
  readonly handlers: Pick<HandlerFinder, 'of'>;
  readonly settings: Pick<RabbitMqSettings, 'policyOf'>;
  readonly settlement: Pick<BrokerSettlement, 'park'>;
  readonly log: Pick<Logger, 'warn' | 'error'>;
  readonly queueNames: Pick<QueueNames, 'of'>;
  /** Who has consumed a delivery. */
  readonly clientOf: Consumers['clientOf'];
  /** @default one minute */
  readonly patienceMs?: number;
}

/**
 * Keeps a message that ends the process from doing so for ever. It stands before everything that could: before the body is read.
 *
 * A first delivery passes. One that comes again may have been in the hands of a process that died, together with others: it is noted
 * in the store that it begins, and that it has ended. If a process has died meanwhile it is tried alone from then on, so that the next
 * death is its own; after `retry.crashes` of those it is parked.
 */
export class CrashGuard implements DeliveryGate {
  readonly #turns: HandlingTurns<Unsettled>;
  /** What is noted as begun; resolved once it is. */
  readonly #begun = new Map<
    Unsettled,
    { readonly key: AttemptKey; readonly noted: Promise<void> }
  >();
  readonly #withoutId = new Set<string>();
  readonly #patienceMs: number;
  /** By `performance.now()`. */
  #sparesUntil = -Infinity;
  readonly #released = new Set<Client>();
  #isReleased = false;

  constructor(private readonly parts: GuardParts) {
    const { patienceMs = PATIENCE_MS } = parts;
    this.#patienceMs = patienceMs;
    const after = (ms: number, run: () => void) => {
      const timer = setTimeout(run, ms).unref();
      return (): void => clearTimeout(timer);
    };
    this.#turns = new HandlingTurns({ patienceMs, after }, (who) => this.#forgive(who));
  }

  enter(unsettled: Unsettled, handOver: () => void): void {
    const turns = this.#turns;
    const { redelivered } = unsettled.delivery.fields;
    if (!redelivered && turns.isFree) {
      turns.begin(unsettled);
      return handOver();
    }
    const key = redelivered ? this.#keyOf(unsettled) : undefined;
    const decide = turns.enter(unsettled, (manner) => {
      void this.#begin(unsettled, key, manner, handOver);
    });
    if (!redelivered) return decide('beside');
    const addressed = this.parts.handlers.of(unsettled.consumer.queue, unsettled.delivery);
    const counted = this.#byItsCount(unsettled);
    if ('reason' in counted) return void this.#park(unsettled, addressed, counted.reason, key);
    if (!key) return decide(counted.manner);
    void this.#ask(unsettled, key, addressed, (died) => decide(died ? 'alone' : counted.manner));
  }

  leave(unsettled: Unsettled): void {
    this.#forgive(unsettled);
    this.#turns.leave(unsettled);
  }

  withdraw(unsettled: Unsettled): boolean {
    if (!this.#turns.isWaiting(unsettled)) return false;
    this.leave(unsettled);
    return true;
  }

  release(client?: Client): void {
    if (client) this.#released.add(client);
    else this.#isReleased = true;
    for (const unsettled of this.#begun.keys())
      if (this.#isClosing(unsettled)) this.#forgive(unsettled);
  }

  /** Resolves when the store knows what has ended. */
  idle(): Promise<void> {
    return this.parts.attempts.idle();
  }

  /** How it is handled by what its queue has counted, or why it is not. */
  #byItsCount({ consumer, delivery }: Unsettled): { manner: Manner } | { reason: string } {
    const count = countIn(delivery.properties.headers, DELIVERY_COUNT);
    // Of a classic queue.
    if (count === 0) return { manner: 'beside' };
    const declared = consumer.channel.seen(consumer.queue)?.declaration?.['arguments'];
    const limits = deliveryLimitOf(declared as Record<string, unknown> | undefined);
    const { suspectsAt, parksAt, limit } = limits;
    if (count < parksAt) return { manner: count < suspectsAt ? 'beside' : 'alone' };
    // Those that waited behind it have been counted as often, and have some deliveries left.
    const now = performance.now();
    if (count < limit && now < this.#sparesUntil) return { manner: 'alone' };
    this.#sparesUntil = now + this.#patienceMs;
    return { reason: gaveItBack(count, limit) };
  }

  async #ask(
    unsettled: Unsettled,
    key: AttemptKey,
    addressed: Addressed,
    decide: (hasDied: boolean) => void,
  ): Promise<void> {
    const { attempts, settings } = this.parts;
    const crashes = (await attempts.crashes(key)) ?? 0;
    // Its channel was closed meanwhile, or its consumer ends: it comes again.
    if (!this.#turns.isWaiting(unsettled)) return;
    if (crashes > 0) noteInHeaders(unsettled, crashes + 1);
    const { queue } = unsettled.consumer;
    const allowed = settings.policyOf(queue, addressed.handler).crashes;
    // The first was counted while others were being handled: it says only that one of them is to blame.
    const own = crashes - 1;
    if (own >= allowed) return this.#park(unsettled, addressed, diedOfIt(own), key);
    // Kept before its turn comes: as long as nobody has died with it, it makes no difference who waits.
    if (crashes === 0) await this.#note(unsettled, key);
    decide(crashes > 0);
  }

  async #begin(
    unsettled: Unsettled,
    key: AttemptKey | undefined,
    manner: Manner,
    handOver: () => void,
  ): Promise<void> {
    if (manner === 'alone' && key && !this.#begun.has(unsettled)) {
      await this.#note(unsettled, key);
      // Its channel was closed meanwhile: it comes again.
      if (!unsettled.isRunning) return;
    }
    handOver();
  }

  async #note(unsettled: Unsettled, key: AttemptKey): Promise<void> {
    if (this.#isClosing(unsettled)) return;
    const noted = this.parts.attempts.begin(key);
    this.#begun.set(unsettled, { key, noted });
    await noted;
  }

  #isClosing({ delivery }: Unsettled): boolean {
    const client = this.parts.clientOf(delivery);
    return this.#isReleased || (client !== undefined && this.#released.has(client));
  }

  #forgive(unsettled: Unsettled): void {
    const begun = this.#begun.get(unsettled);
    if (!begun) return;
    this.#begun.delete(unsettled);
    this.parts.attempts.end(begun.key, begun.noted);
  }

  async #park(
    unsettled: Unsettled,
    { name, handler }: Addressed,
    reason: string,
    key?: AttemptKey,
  ): Promise<void> {
    const { delivery, consumer } = unsettled;
    const { queue, channel } = consumer;
    const { settlement, attempts, log } = this.parts;
    // Who looks on is to know, although nobody handles it.
    channel.unsettled.watchOf(unsettled);
    // It begins no more; others need not wait until the broker has it.
    this.#turns.leave(unsettled);
    try {
      await settlement.park({ delivery, queue, handler, name, code: CRASH_LOOP, reason });
      channel.answer(delivery, 'ack');
      // Redriven, it begins anew.
      if (key) attempts.end(key, Promise.resolve());
    } catch (error) {
      log.error(`"${name}" could not be parked (${textOf(error)}): it is given back.`);
      channel.answer(delivery, 'requeue');
    }
  }

  #keyOf({ consumer: { queue }, delivery }: Unsettled): AttemptKey | undefined {
    if (!this.parts.attempts.areKept) return undefined;
    const { messageId } = delivery.properties;
    if (messageId) return { queue: this.parts.queueNames.of(queue, delivery), messageId };
    if (!this.#withoutId.has(queue)) {
      this.#withoutId.add(queue);
      this.parts.log.warn(
        `A message of "${queue}" that came again has no messageId, so it cannot be counted how often a process dies of it. ` +
          'Have its sender set one; until then only a quorum queue ends that.',
      );
    }
    return undefined;
  }
}

/** A classic queue then says what a quorum queue would, and there is one number of the attempt. */
function noteInHeaders({ delivery }: Unsettled, before: number): void {
  const properties = delivery.properties as { headers?: Record<string, unknown> };
  const headers = (properties.headers ??= {});
  headers[DELIVERY_COUNT] = Math.max(before, countIn(headers, DELIVERY_COUNT));
}
