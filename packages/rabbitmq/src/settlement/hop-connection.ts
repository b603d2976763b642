import type { VirtualHost } from '../core/virtual-host.js';
import type { AmqpDeclaringChannelLike } from '../publisher/amqp-like.js';
import { askVirtualHost } from '../publisher/ask-virtual-host.js';
import { ConfirmedSender } from '../publisher/confirmed-sender.js';
import type { Connect } from '../rabbitmq.options.js';
import { HopPublisher } from './hop-publisher.js';

const WINDOW = 1_000;

/** One connection for retries and parked messages, and what is declared where it leads. */
export class HopConnection {
  readonly sender: ConfirmedSender;
  readonly publisher: HopPublisher;
  #known: VirtualHost | undefined;
  #asking: Promise<VirtualHost> | undefined;

  constructor(
    readonly connect: Connect,
    timeoutMs: number,
  ) {
    this.sender = new ConfirmedSender({
      name: 'RabbitMqModule',
      connect,
      timeoutMs,
      window: WINDOW,
    });
    this.publisher = new HopPublisher(this.sender);
  }

  /** Where it leads; undefined until it was asked, and when it is lost. */
  get known(): VirtualHost | undefined {
    return this.#known;
  }

  /** Asks, once for each connection. @throws {PublishError} when there is no broker, or it does not answer */
  async where(): Promise<VirtualHost> {
    if (this.#known) return this.#known;
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return (this.#known = await this.#asking);
  }

  #ask(): Promise<VirtualHost> {
    return this.sender.onChannel((channel, connection) => {
      // The next one may lead elsewhere: to whatever the name of the broker stands for by then.
      connection.on('close', () => (this.#known = undefined));
      return askVirtualHost(channel as AmqpDeclaringChannelLike, connection);
    });
  }
}
