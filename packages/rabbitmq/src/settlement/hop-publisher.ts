import { randomUUID } from 'node:crypto';
import { Buffer } from 'node:buffer';
import type { AmqpDeliveryLike, PublishOutcome } from '@acme/nest-message-context';
import { brokerFactsOf, type BrokerFacts } from '../core/broker-facts.js';
import { hopProperties } from '../core/hop-properties.js';
import type { QueueDeclaration } from '../core/hop-queues.js';
import type { AmqpDeclaringChannelLike } from '../publisher/amqp-like.js';
import type { ConfirmedSender } from '../publisher/confirmed-sender.js';
import { HopFailedError } from '../rabbitmq.errors.js';

/** What a queue is, on the broker that is asked. */
export type QueueOf = (facts: BrokerFacts) => QueueDeclaration;

/**
 * Publishes a delivery once more, to a queue that it declares when it is first needed: body and properties as they were, headers
 * as given. What has been promised here is in the queue, confirmed.
 */
export class HopPublisher {
  readonly #declared = new Map<string, Promise<string>>();

  constructor(private readonly sender: ConfirmedSender) {}

  /**
   * @param key names the queue before its declaration is known
   * @throws {HopFailedError} when the broker has not confirmed it. It may have arrived all the same
   */
  async publish(
    delivery: AmqpDeliveryLike,
    headers: Record<string, unknown>,
    key: string,
    queueOf: QueueOf,
  ): Promise<string> {
    for (let isLast = false; ; isLast = true) {
      const queue = await this.declare(key, queueOf);
      const outcome = await this.#send(delivery, headers, queue);
      if (outcome.status === 'confirmed') return queue;
      // Somebody has deleted it since: declared again, it takes the message.
      this.#declared.delete(key);
      if (outcome.status !== 'unroutable' || isLast) throw failed(queue, outcome);
    }
  }

  /**
   * Declares it now. Once is enough: the name is returned from then on.
   *
   * @throws {HopFailedError} when the broker refuses it
   * @throws {PublishError} when there is no broker, or it does not answer
   */
  declare(key: string, queueOf: QueueOf): Promise<string> {
    let declared = this.#declared.get(key);
    if (!declared) {
      declared = this.#declare(queueOf);
      this.#declared.set(key, declared);
      // What has failed is tried again with the next message.
      declared.catch(() => this.#declared.delete(key));
    }
    return declared;
  }

  #declare(queueOf: QueueOf): Promise<string> {
    return this.sender.onChannel(async (channel, connection) => {
      const { serverProperties } = (connection.connection ?? {}) as { serverProperties?: unknown };
      const { name, arguments: args } = queueOf(brokerFactsOf(serverProperties));
      try {
        await (channel as AmqpDeclaringChannelLike).assertQueue(name, {
          durable: true,
          arguments: { ...args },
        });
      } catch (error) {
        throw isRefusal(error) ? notDeclared(name, args, error) : error;
      }
      return name;
    });
  }

  #send(
    delivery: AmqpDeliveryLike,
    headers: Record<string, unknown>,
    queue: string,
  ): Promise<PublishOutcome> {
    const { content } = delivery;
    const properties = hopProperties(delivery);
    const frame = {
      exchange: '',
      routingKey: queue,
      content: Buffer.from(content.buffer, content.byteOffset, content.byteLength),
      options: {
        ...properties,
        headers,
        mandatory: true,
        // One that the broker gives back is known by it.
        messageId: properties.messageId ?? randomUUID(),
      },
    };
    return new Promise((done) => {
      this.sender.send(
        1,
        () => frame,
        (_index, outcome) => done(outcome),
      );
    });
  }
}

function failed(
  queue: string,
  outcome: Exclude<PublishOutcome, { status: 'confirmed' }>,
): HopFailedError {
  if (outcome.status === 'unroutable')
    return new HopFailedError(
      `Queue "${queue}" was declared and is gone again. Look for who deletes it: a policy with "expires", or another service.`,
    );
  return new HopFailedError(
    `The broker has not confirmed the message for queue "${queue}": ${outcome.error.message}`,
    { cause: outcome.error },
  );
}

/** The broker's own answer (403, 406), not a lost connection. */
function isRefusal(error: unknown): boolean {
  return typeof (error as { code?: unknown } | null)?.code === 'number';
}

function notDeclared(
  queue: string,
  args: Readonly<Record<string, unknown>>,
  cause: unknown,
): HopFailedError {
  const said = cause instanceof Error ? cause.message : String(cause);
  return new HopFailedError(
    `Queue "${queue}" could not be declared with ${JSON.stringify(args)}: ${said}. Where it exists with other arguments, delete it ` +
      'once it is empty; where this user may not configure it, grant the right or declare it beforehand.',
    { cause },
  );
}
