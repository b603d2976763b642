import { within } from '@acme/nest-message-context/kit';
import type { Client, Consumers } from '../consumers/consumers.js';
import type { OpenConnectionLike } from '../consumers/managed-connection-like.js';
import { mayBeSame, virtualHostText, type VirtualHost } from '../core/virtual-host.js';
import type { AmqpDeclaringChannelLike } from '../publisher/amqp-like.js';
import { askVirtualHost } from '../publisher/ask-virtual-host.js';
import { onOwnChannel } from '../publisher/own-channel.js';
import { SettlingFailedError } from '../rabbitmq.errors.js';
import type { HopConnection } from './hop-connection.js';
import type { Hop, HopPublisher } from './hop-publisher.js';

/** Who has consumed what. */
type Sources = Pick<Consumers, 'clientOf'>;

/**
 * Every connection for retries and parked messages: one for each virtual host that is consumed from. A message goes by the one that leads
 * where its consumer does. Elsewhere it would never come back, or come to somebody else who has a queue of the same name.
 */
export class HopConnections implements Pick<HopPublisher, 'publish'> {
  /** By the connection that consumes: another one may lead elsewhere. */
  readonly #byConsuming = new WeakMap<object, HopConnection>();
  readonly #byClient = new WeakMap<Client, HopConnection>();
  /** What is being asked, so that a thousand failures ask once. */
  readonly #asked = new WeakMap<object, Promise<VirtualHost>>();

  /** @param all one or more */
  constructor(
    readonly all: readonly HopConnection[],
    private readonly consumers: Sources,
    private readonly timeoutMs: number,
  ) {}

  /** @throws {SettlingFailedError} when the broker has not confirmed it, or no connection leads where it came from */
  publish(hop: Hop): Promise<void> {
    const client = this.consumers.clientOf(hop.delivery);
    const consuming = client && connectionOf(client);
    // The usual way: each promise that is awaited costs every message that fails.
    const known = consuming && this.#byConsuming.get(consuming);
    if (known?.known) return known.publisher.publish(hop);
    return this.#find(hop.source, client, consuming).then(({ publisher }) =>
      publisher.publish(hop),
    );
  }

  /**
   * That which leads where a client consumes from.
   *
   * @throws {SettlingFailedError} when there is none
   * @throws {PublishError} when that cannot be said, because one does not connect
   */
  of(client: Client, queue: string): Promise<HopConnection> {
    return this.#find(queue, client, connectionOf(client));
  }

  /** That which leads to a virtual host of this name; undefined where that is none, several, or not known yet. */
  at(virtualHost: string | undefined): HopConnection | undefined {
    const [only, ...more] =
      this.all.length === 1
        ? this.all
        : this.all.filter(({ known }) => known?.name !== undefined && known.name === virtualHost);
    return more.length === 0 ? only : undefined;
  }

  /** Opens all of them. @throws {PublisherConfigurationError} when one could never confirm */
  async prepare(): Promise<void> {
    await Promise.all(this.all.map(({ sender }) => sender.prepare()));
  }

  /** Finds out where they lead, as far as they are connected. */
  async look(): Promise<readonly (VirtualHost | undefined)[]> {
    await Promise.allSettled(this.all.map((one) => one.where()));
    return this.all.map(({ known }) => known);
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map(({ sender }) => sender.close()));
  }

  async #find(
    queue: string,
    client: Client | undefined,
    consuming: OpenConnectionLike | undefined,
  ): Promise<HopConnection> {
    const from = consuming && (await this.#where(consuming).catch(() => undefined));
    if (!client || !consuming || !from) return this.#asBefore(queue, client);
    const found = await this.#leadingTo(from, queue);
    this.#byConsuming.set(consuming, found);
    this.#byClient.set(client, found);
    return found;
  }

  /** For who is not connected at the moment, or does not say where: then the broker delivers the message again as well. */
  #asBefore(queue: string, client: Client | undefined): HopConnection {
    const before = client && this.#byClient.get(client);
    if (before) return before;
    if (this.all.length === 1) return this.all[0]!;
    throw new SettlingFailedError(
      `It cannot be said which of the connections of RabbitMqModule leads to the broker of queue "${queue}": its consumer does not answer.`,
    );
  }

  async #leadingTo(from: VirtualHost, queue: string): Promise<HopConnection> {
    const fitting = (): HopConnection[] =>
      this.all.filter(({ known }) => known && mayBeSame(known, from));
    // One that is down is not waited for where the right one is known.
    let found = fitting();
    if (found.length === 0) {
      const asked = await Promise.allSettled(this.all.map((one) => one.where()));
      found = fitting();
      const failed = asked.find((answer) => answer.status === 'rejected');
      if (found.length === 0 && failed) throw failed.reason;
    }
    if (found.length === 1) return found[0]!;
    throw found.length === 0 ? elsewhere(queue, from, await this.look()) : alike(queue, from);
  }

  #where(consuming: OpenConnectionLike): Promise<VirtualHost> {
    let asking = this.#asked.get(consuming);
    if (!asking) {
      asking = within(
        this.timeoutMs,
        onOwnChannel(consuming, (channel) =>
          askVirtualHost(channel as AmqpDeclaringChannelLike, consuming),
        ),
        () => new Error(`The broker did not answer within ${this.timeoutMs} ms.`),
      );
      this.#asked.set(consuming, asking);
      asking.catch(() => this.#asked.delete(consuming));
    }
    return asking;
  }
}

/** A client library throws while it has none. */
function connectionOf(client: Client): OpenConnectionLike | undefined {
  try {
    return client.connection();
  } catch {
    return undefined;
  }
}

function elsewhere(
  queue: string,
  from: VirtualHost,
  known: readonly (VirtualHost | undefined)[],
): SettlingFailedError {
  const places = known.map((one) => (one ? virtualHostText(one) : 'nowhere'));
  return new SettlingFailedError(
    `Queue "${queue}" is consumed from ${virtualHostText(from)}, and the connect of RabbitMqModule leads to ${places.join(' and ')}: ` +
      'a retry would not come back, or come to somebody else. Give it the broker and the virtual host that the consumer has, and a list where there are several.',
  );
}

function alike(queue: string, from: VirtualHost): SettlingFailedError {
  return new SettlingFailedError(
    `Queue "${queue}" is consumed from ${virtualHostText(from)}, and several of the connections of RabbitMqModule may lead there. Leave out the one too many; ` +
      'where they are clusters of one name, give each its own: rabbitmqctl set_cluster_name.',
  );
}
