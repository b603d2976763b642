import type { AmqpTakenLike, AmqpTakingChannelLike } from '../publisher/amqp-like.js';
import { InterruptedError, QueueUnavailableError } from '../rabbitmq.errors.js';
import type { DeskConnection } from './desk-connection.js';

/** What was given back is there again within milliseconds; nobody waits long where somebody else takes it at once. */
const RETURN_MS = 2_000;
/** A broker that has something sends it at once. */
const STALL_MS = 200;
/** One more than is needed, for what a busy broker does a moment later. */
const FLUSHES = 3;
/** The most that AMQP can say. */
export const MOST_AHEAD = 65_535;

/** How many messages may come before they are asked for, by the number of subscriptions that are full already. */
export type Ahead = (full: number) => number;

/**
 * Takes the messages of a queue one after the other and holds them all, so that each comes once although all of them go back in the
 * end. What is held is known to the broker alone, and goes back by itself when this process dies.
 *
 * By subscribing: asked for one by one (`basic.get`), a quorum queue takes a hundred times as long, and gives them back in any order (run
 * on 3.10). A subscription is full when as many are held as it may have; then there is one more. They are named in their order, because
 * in that order a quorum queue takes back what they hold; beyond 32 in any.
 */
export class QueueHold {
  readonly #arrived: AmqpTakenLike[] = [];
  #subscriptions = 0;
  #credit = 0;
  #delivered = 0;
  #removed = 0;
  #ended: Error | undefined;
  #wake: (() => void) | undefined;

  private constructor(
    private readonly desk: DeskConnection,
    private readonly channel: AmqpTakingChannelLike,
    private readonly ahead: Ahead,
    readonly queue: string,
    /** Messages that were ready when it began. */
    readonly ready: number,
    readonly consumers: number,
  ) {
    desk.onLost((error) => this.#end(error));
  }

  /** @throws {QueueUnavailableError} when it cannot be looked into */
  static async open(desk: DeskConnection, queue: string, ahead: Ahead): Promise<QueueHold> {
    const { channel, state } = await desk.channel(queue);
    const { messageCount, consumerCount } = state;
    return new QueueHold(desk, channel, ahead, queue, messageCount, consumerCount);
  }

  /**
   * The next one; undefined when there is none.
   *
   * @throws {QueueUnavailableError} when the queue gives nothing, though it has something
   * @throws {InterruptedError} when the broker is lost
   */
  async take(): Promise<AmqpTakenLike | undefined> {
    const deadline = performance.now() + this.desk.timeoutMs;
    for (;;) {
      const taken = this.#arrived.shift();
      if (taken) return taken;
      if (this.#ended) throw this.desk.told(this.queue, this.#ended);
      if (this.#held >= this.#credit && (this.ready > 0 || this.#delivered > 0))
        await this.#subscribe(this.#next());
      if (await this.#arrival()) continue;
      if (!(await this.#hasMore())) return undefined;
      if (performance.now() > deadline) throw this.#givesNothing();
      // The broker may allow a subscription less than it was asked for.
      this.#credit = this.#held;
    }
  }

  /** For good. @throws {InterruptedError} when the broker has taken it back meanwhile */
  remove(taken: AmqpTakenLike): void {
    try {
      this.channel.ack(taken);
    } catch (cause) {
      throw new InterruptedError('The connection to the broker was lost.', { cause });
    }
    this.#removed += 1;
  }

  /** All that is ready, and nothing that is held. */
  async purge(): Promise<number> {
    const { desk, channel, queue } = this;
    return (await desk.ask(queue, () => channel.purgeQueue(queue))).messageCount;
  }

  /**
   * Gives back what is held, to where it stood, and waits until it is there.
   *
   * By closing the channel, which keeps the order in every kind of queue, where a `nack` would shuffle it, or bring it behind all others
   * (run on 3.10). From 4.3 on it counts toward the delivery limit, and a `nack` does not. The order is kept then too, once the
   * subscriptions are over: else all comes straight back to them, and counts when the channel is closed (run on 4.3.6).
   */
  async giveBack(): Promise<void> {
    const { queue, desk, channel } = this;
    if (this.#removed > 0) await this.#flush();
    const held = this.#held;
    if (!desk.facts.nackCounts && held > 0) {
      for (let at = 0; at < this.#subscriptions; at += 1)
        await desk.ask(queue, () => channel.cancel(tagOf(at)));
      channel.nackAll(true);
    }
    await desk.ask(queue, () => channel.close());
    if (held === 0 || this.consumers > 0) return;
    const expected = this.ready - this.#removed;
    const deadline = performance.now() + RETURN_MS;
    for (let pause = 5; (await desk.ready(queue)) < expected; pause *= 2) {
      if (performance.now() + pause > deadline) return;
      await new Promise((done) => setTimeout(done, pause));
    }
  }

  get #held(): number {
    return this.#delivered - this.#removed;
  }

  /**
   * Waits until the queue has all acks. Nothing answers an ack, and a channel of RabbitMQ keeps them back while more than 32 commands to a
   * quorum queue are under way: closed then, it loses them, and all of those messages would come again (run). A subscription is answered,
   * behind what went before; the second one behind what was kept back until the first.
   */
  async #flush(): Promise<void> {
    for (let round = 0; round < FLUSHES; round += 1) await this.#subscribe(1);
  }

  /** No more than there were: what comes in meanwhile is not looked at. */
  #next(): number {
    const missing = Math.max(1, this.ready - this.#delivered);
    return Math.min(this.ahead(this.#subscriptions), missing, MOST_AHEAD);
  }

  async #subscribe(count: number): Promise<void> {
    const { desk, channel, queue } = this;
    const consumerTag = tagOf(this.#subscriptions);
    await desk.ask(queue, () => channel.prefetch(count));
    this.#subscriptions += 1;
    this.#credit += count;
    const onMessage = (taken: AmqpTakenLike | null): void => {
      if (taken) this.#deliver(taken);
      else this.#end(new InterruptedError(ENDED));
    };
    await desk.ask(queue, () => channel.consume(queue, onMessage, { consumerTag }));
  }

  #deliver(taken: AmqpTakenLike): void {
    this.#delivered += 1;
    this.#arrived.push(taken);
    this.#wake?.();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#wake?.();
  }

  /** False when nothing comes. */
  async #arrival(): Promise<boolean> {
    if (this.#arrived.length === 0 && !this.#ended && this.#credit > 0)
      await new Promise<void>((done) => {
        const timer = setTimeout(done, STALL_MS);
        this.#wake = () => {
          clearTimeout(timer);
          done();
        };
      });
    return this.#arrived.length > 0 || this.#ended !== undefined;
  }

  /** Whether there is more than what was delivered. */
  async #hasMore(): Promise<boolean> {
    const { desk, queue } = this;
    // A stream counts nothing, and says what it is only when it is asked for a message.
    if (this.#delivered === 0) await desk.assertNoStream(queue);
    // Nothing was there when it began, so nothing was subscribed to: what is there now was given back, or came in, since.
    if (this.#subscriptions === 0) return false;
    return (await desk.ready(queue)) > 0 || this.#arrived.length > 0;
  }

  #givesNothing(): QueueUnavailableError {
    return new QueueUnavailableError(
      `Queue ${JSON.stringify(this.queue)} has messages and gives none of them: it has a single active consumer, which is another one, or gives them to consumers of a higher priority. Stop those.`,
    );
  }
}

/** In the order of the alphabet as well. */
const tagOf = (subscription: number): string =>
  `nest-rabbitmq-${String(subscription).padStart(6, '0')}`;

const ENDED =
  'The broker has ended the subscription: the queue was deleted, or what was held was held for longer than its ack timeout, 30 minutes as a rule.';
