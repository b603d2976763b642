import { backoffMs, Pauses } from '@acme/nest-message-context/kit';
import type { Logger } from '@nestjs/common';
import type { Client } from '../consumers/consumers.js';
import type { ConsumingChannelLike } from '../consumers/consuming-channel-like.js';
import type { Consumer } from '../consumers/tapped-channel.js';
import { declareAgain } from '../consumers/topology-seen.js';
import { cureFor, type Cure } from '../core/cure.js';
import type { AmqpDeclaringChannelLike } from '../publisher/amqp-like.js';
import { factsOf, queueExists } from '../publisher/broker-words.js';
import type { ConfirmedSender } from '../publisher/confirmed-sender.js';

const PAUSE = { initialMs: 200, maxMs: 5_000 };

/**
 * Brings back consumers that the broker has ended. Both client libraries stay connected then, and consume nothing any more, without a
 * word.
 */
export class Resubscriber {
  readonly #pauses = new Pauses();

  constructor(
    /** A connection of its own: what the broker refuses there costs the consumers nothing. */
    private readonly sender: Pick<ConfirmedSender, 'onChannel'>,
    private readonly log: Pick<Logger, 'log' | 'warn' | 'error'>,
  ) {}

  /** Resolves when it consumes again, when its client sees to that, or when nobody wants it any more. Never rejects. */
  async bringBack(consumer: Consumer, client: Client): Promise<void> {
    const { queue } = consumer;
    this.log.warn(
      `The broker has ended the consumer of "${queue}" (${client.name}): the queue was deleted or moved, or a message was not settled in time.`,
    );
    for (let tries = 1; consumer.status === 'cancelled' && !this.#pauses.areOver; tries += 1) {
      try {
        const cure = await this.#prepare(consumer);
        // Meanwhile its connection may have gone, or the application begun to close.
        if (consumer.status !== 'cancelled' || this.#pauses.areOver) return;
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
      await this.#pauses.wait(backoffMs(tries, PAUSE, Math.random()));
    }
  }

  /** The application shuts down. */
  stop(): void {
    this.#pauses.release();
  }

  async #prepare({ queue, channel }: Consumer): Promise<Cure> {
    const seen = channel.seen(queue);
    const cure = await this.sender.onChannel(async (own, connection) =>
      cureFor({
        queueExists: await queueExists(own as AmqpDeclaringChannelLike, queue),
        isDeclaredHere: seen?.declaration !== undefined,
        belongsToConnection: seen?.declaration?.exclusive === true || queue.startsWith('amq.'),
        hasUnsettled: channel.unsettled.size > 0,
        facts: factsOf(connection),
      }),
    );
    if (cure === 'declare' && seen)
      await this.sender.onChannel((own) =>
        declareAgain(own as unknown as ConsumingChannelLike, queue, seen),
      );
    return cure;
  }
}
