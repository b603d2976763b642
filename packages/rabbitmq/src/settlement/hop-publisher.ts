import { randomUUID } from 'node:crypto';
import { Buffer } from 'node:buffer';
import type { AmqpDeliveryLike, PublishOutcome } from '@acme/nest-message-context';
import type { HopProperties } from '../core/hop-properties.js';
import type { HopQueue } from '../core/hop-queues.js';
import type { AmqpDeclaringChannelLike } from '../publisher/amqp-like.js';
import { codeOf, factsOf, queueExists, REFUSED } from '../publisher/broker-words.js';
import type { ConfirmedSender } from '../publisher/confirmed-sender.js';
import { SettlingFailedError } from '../rabbitmq.errors.js';

/** A delivery that is to be published once more. */
export interface Hop {
  /** The body is taken from it as it is. */
  readonly delivery: Pick<AmqpDeliveryLike, 'content'>;
  /** With the headers that it is to have. */
  readonly properties: HopProperties;
  /** The queue that it was consumed from. */
  readonly source: string;
  readonly target: HopQueue;
}

/**
 * Publishes a delivery once more, to a queue that it declares when it is first needed. What has been promised here is in the queue,
 * confirmed.
 */
export class HopPublisher {
  /** By name: under way, or done. Each promise that is awaited costs every message that fails. */
  readonly #declared = new Map<string, Promise<void> | 'done'>();
  /** Queues that are where retries are published. */
  readonly #sources = new Set<string>();

  constructor(private readonly sender: ConfirmedSender) {}

  /** @throws {SettlingFailedError} when the broker has not confirmed it. It may have arrived all the same */
  publish(hop: Hop): Promise<void> {
    // The usual way, with one promise.
    return this.#sources.has(hop.source) && this.#declared.get(hop.target.name) === 'done'
      ? this.#publishTo(hop, false)
      : this.#publishToNew(hop);
  }

  async #publishToNew(hop: Hop): Promise<void> {
    if (!this.#sources.has(hop.source)) await this.#assertSource(hop.source);
    await this.declare(hop.target);
    await this.#publishTo(hop, false);
  }

  /** @param isLast whether a queue that is gone is not declared again */
  #publishTo(hop: Hop, isLast: boolean): Promise<void> {
    const { name } = hop.target;
    return new Promise((done, fail) => {
      const frame = frameOf(hop);
      this.sender.send(
        1,
        () => frame,
        (_index, outcome) => {
          if (outcome.status === 'confirmed') return done();
          // Somebody has deleted it since: declared again, it takes the message.
          this.#declared.delete(name);
          if (outcome.status !== 'unroutable' || isLast) return fail(failed(name, outcome));
          done(this.declare(hop.target).then(() => this.#publishTo(hop, true)));
        },
      );
    });
  }

  /**
   * Declares a queue, once.
   *
   * @throws {SettlingFailedError} when the broker refuses it
   * @throws {PublishError} when there is no broker, or it does not answer
   */
  async declare(queue: HopQueue): Promise<void> {
    const { name } = queue;
    const known = this.#declared.get(name);
    if (known === 'done') return;
    if (known) return known;
    const declaring = this.#declare(queue);
    this.#declared.set(name, declaring);
    try {
      await declaring;
      if (this.#declared.get(name) === declaring) this.#declared.set(name, 'done');
    } catch (error) {
      // What has failed is tried again with the next message.
      if (this.#declared.get(name) === declaring) this.#declared.delete(name);
      throw error;
    }
  }

  /**
   * The connection for retries is one of its own, and may lead elsewhere: to another virtual host. What is published there would never
   * come back, or come to somebody else.
   */
  async #assertSource(queue: string): Promise<void> {
    const isThere = await this.sender.onChannel((channel) =>
      queueExists(channel as AmqpDeclaringChannelLike, queue),
    );
    if (!isThere) throw elsewhere(queue);
    this.#sources.add(queue);
  }

  #declare(queue: HopQueue): Promise<void> {
    return this.sender.onChannel(async (channel, connection) => {
      const { name, acceptsExisting } = queue;
      const args = queue.argumentsOn(factsOf(connection));
      try {
        const options = { durable: true, arguments: args };
        await (channel as AmqpDeclaringChannelLike).assertQueue(name, options);
      } catch (error) {
        const code = codeOf(error);
        if (acceptsExisting && code === REFUSED.preconditionFailed) return;
        throw code === undefined ? error : notDeclared(name, args, error);
      }
    });
  }
}

/** The body and the properties are taken as they are: nobody else has them. */
const frameOf = ({ delivery: { content }, properties, target }: Hop) => ({
  exchange: '',
  routingKey: target.name,
  content: Buffer.from(content.buffer, content.byteOffset, content.byteLength),
  options: Object.assign(properties, {
    mandatory: true as const,
    // One that the broker gives back is known by it.
    messageId: properties.messageId ?? randomUUID(),
  }),
});

function failed(
  queue: string,
  outcome: Exclude<PublishOutcome, { status: 'confirmed' }>,
): SettlingFailedError {
  if (outcome.status === 'unroutable')
    return new SettlingFailedError(
      `Queue "${queue}" was declared and is gone again. Look for who deletes it: a policy with "expires", or another service.`,
    );
  return new SettlingFailedError(
    `The broker has not confirmed the message for queue "${queue}": ${outcome.error.message}`,
    { cause: outcome.error },
  );
}

function notDeclared(
  queue: string,
  args: Readonly<Record<string, unknown>>,
  cause: unknown,
): SettlingFailedError {
  const said = cause instanceof Error ? cause.message : String(cause);
  return new SettlingFailedError(
    `Queue "${queue}" could not be declared with ${JSON.stringify(args)}: ${said}. Where it exists with other arguments, delete it ` +
      'once it is empty; where this user may not configure it, grant the right or declare it beforehand.',
    { cause },
  );
}

function elsewhere(queue: string): SettlingFailedError {
  return new SettlingFailedError(
    `There is no queue "${queue}" where the connect of RabbitMqModule leads: a retry would not come back. Give it the broker and the virtual host that the consumer has.`,
  );
}
