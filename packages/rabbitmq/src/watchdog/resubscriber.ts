import { backoffMs, Pauses, within } from '@acme/nest-message-context/kit';
import type { Logger } from '@nestjs/common';
import type { Client } from '../consumers/consumers.js';
import type { ConsumingChannelLike } from '../consumers/consuming-channel-like.js';
import type { Consumer } from '../consumers/tapped-channel.js';
import type { OpenConnectionLike } from '../consumers/managed-connection-like.js';
import { declareAgain, type SeenQueue } from '../consumers/topology-seen.js';
import { cureFor, type Cure } from '../core/cure.js';
import type { AmqpDeclaringChannelLike } from '../publisher/amqp-like.js';
import { factsOf, queueExists } from '../publisher/broker-words.js';
import { onOwnChannel } from '../publisher/own-channel.js';

const PAUSE = { initialMs: 200, maxMs: 5_000 };

/**
 * Brings back consumers that the broker has ended. Both client libraries stay connected then, and consume nothing any more, without a
 * word.
 */
export class Resubscriber {
  readonly #pauses = new Pauses();

  constructor(
    private readonly timeoutMs: number,
    private readonly log: Pick<Logger, 'log' | 'warn' | 'error'>,
  ) {}

  /** Resolves when it consumes again, when its client sees to that, or when nobody wants it any more. Never rejects. */
  async bringBack(consumer: Consumer, client: Client): Promise<void> {
    const { queue } = consumer;
    this.log.warn(
      `The broker has ended the consumer of "${queue}" (${client.name}): the queue was deleted or moved, or a message was not settled in time.`,
    );
    for (let tries = 1; await this.#isDue(consumer, tries); tries += 1) {
      try {
        const cure = await this.#prepare(consumer, client);
        if (!this.#isWanted(consumer)) return;
        if (cure === 'reconnect') {
          this.log.warn(`Reconnecting, so that "${queue}" is consumed again.`);
          return client.reconnect();
        }
        if (cure !== 'wait') {
          await consumer.again();
          this.log.log(`"${queue}" is consumed again.`);
          return;
        }
        if (tries === 1)
          this.log.error(
            `There is no queue "${queue}" any more, and this application does not declare it: it is consumed again once somebody has.`,
          );
      } catch (error) {
        if (tries === 1)
          this.log.error(
            `"${queue}" is not consumed: ${error instanceof Error ? error.message : String(error)} This is tried again.`,
          );
      }
    }
  }

  /** The application shuts down. */
  stop(): void {
    this.#pauses.release();
  }

  /**
   * Waits before the first time as well: a queue that is being deleted has ended its consumers a moment before it is gone (4.0 often
   * lets that be seen), and to consume it in that moment would cost the connection.
   */
  async #isDue(consumer: Consumer, tries: number): Promise<boolean> {
    await this.#pauses.wait(backoffMs(tries, PAUSE, Math.random()));
    return this.#isWanted(consumer);
  }

  /** Its connection may have gone, or the application begun to close. */
  #isWanted({ status }: Consumer): boolean {
    return status === 'cancelled' && !this.#pauses.areOver;
  }

  /** Asks over the client's own connection: another one may lead to another virtual host. */
  async #prepare({ queue, channel }: Consumer, client: Client): Promise<Cure> {
    const connection = client.connection();
    if (!connection) throw new Error('its connection is not open.');
    const seen = channel.seen(queue);
    return this.#inTime(
      onOwnChannel(connection, async (own) => {
        const cure = cureFor({
          queueExists: await queueExists(own as AmqpDeclaringChannelLike, queue),
          isDeclaredHere: seen?.declaration !== undefined,
          belongsToConnection: seen?.declaration?.exclusive === true || queue.startsWith('amq.'),
          hasUnsettled: channel.unsettled.size > 0,
          facts: factsOf(connection),
        });
        if (cure === 'declare' && seen) await this.#declare(connection, queue, seen);
        return cure;
      }),
    );
  }

  /** On another channel: the broker has closed the first with its answer. */
  #declare(connection: OpenConnectionLike, queue: string, seen: SeenQueue): Promise<void> {
    return onOwnChannel(connection, (own) =>
      declareAgain(own as unknown as ConsumingChannelLike, queue, seen),
    );
  }

  #inTime<T>(answer: Promise<T>): Promise<T> {
    return within(
      this.timeoutMs,
      answer,
      () => new Error(`The broker did not answer within ${this.timeoutMs} ms.`),
    );
  }
}
