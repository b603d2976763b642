import { retryPauses } from '@shop/platform';
import { connect, type Channel, type ChannelModel } from 'amqplib';

/** The demo's own look at the broker, past all taps. */
export class Broker {
  private constructor(
    private readonly connection: ChannelModel,
    readonly url: string,
    private readonly run: string,
  ) {}

  static async connect(url: string, run: string): Promise<Broker> {
    const connection = await connect(url, { timeout: 10_000 });
    connection.on('error', () => {});
    return new Broker(connection, url, run);
  }

  get exchange(): string {
    return `${this.run}.events`;
  }

  /** The queue of a service, or of the demo itself. */
  queue(owner: 'billing' | 'notifications' | 'repeater'): string {
    return `${this.run}.${owner}`;
  }

  /** Where messages of a service wait for their next attempt. */
  waitQueues(owner: 'billing' | 'notifications'): string[] {
    return retryPauses.map((ms) => `${this.queue(owner)}.retry.${ms}`);
  }

  /** Where messages of a service are that it, or the broker, has given up. */
  deadLetters(owner: 'billing' | 'notifications'): string {
    return `${this.queue(owner)}.dlq`;
  }

  async channel(): Promise<Channel> {
    const channel = await this.connection.createChannel();
    // The operation that failed rejects anyway; without a listener the event ends the process.
    channel.on('error', () => {});
    return channel;
  }

  async confirmChannel() {
    const channel = await this.connection.createConfirmChannel();
    channel.on('error', () => {});
    return channel;
  }

  /** Messages that nobody has, and consumers; undefined when there is no such queue. */
  async look(queue: string): Promise<{ messages: number; consumers: number } | undefined> {
    // A channel of its own: asking for a queue that does not exist closes the channel.
    const channel = await this.channel();
    try {
      const { messageCount, consumerCount } = await channel.checkQueue(queue);
      await channel.close();
      return { messages: messageCount, consumers: consumerCount };
    } catch (error) {
      if ((error as { code?: unknown }).code === 404) return undefined;
      throw error;
    }
  }

  /** Deletes everything that this run has declared, and ends the connection. */
  async clean(): Promise<void> {
    const channel = await this.channel();
    for (const owner of ['billing', 'notifications'] as const) {
      const others = [...this.waitQueues(owner), this.deadLetters(owner)];
      for (const queue of [this.queue(owner), ...others]) await channel.deleteQueue(queue);
    }
    await channel.deleteQueue(this.queue('repeater'));
    await channel.deleteExchange(this.exchange);
    await this.connection.close();
  }
}
