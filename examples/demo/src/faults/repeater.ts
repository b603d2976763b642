import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import type { Broker } from '../world/broker.js';

/**
 * The buggy producer: publishes every event of the shop a second time, as it was, message id and all. It reads the exchange
 * like everybody else and so also sees what really went over it.
 */
export class Repeater {
  /** Messages on the exchange by message id, repeated ones included. */
  readonly seen = new Map<string, number>();
  /** Message ids of each kind of event. */
  readonly types = new Map<string, Set<string>>();
  repeated = 0;
  private channel!: ConfirmChannel;

  constructor(private readonly broker: Broker) {}

  async start(): Promise<void> {
    const { exchange } = this.broker;
    const queue = this.broker.queue('repeater');
    this.channel = await this.broker.confirmChannel();
    await this.channel.assertExchange(exchange, 'topic', { durable: true });
    await this.channel.assertQueue(queue, { durable: true });
    await this.channel.bindQueue(queue, exchange, '#');
    await this.channel.consume(queue, (message) => message && this.take(message));
  }

  private take(message: ConsumeMessage): void {
    const { content, fields, properties } = message;
    const id = String(properties.messageId);
    const before = this.seen.get(id) ?? 0;
    this.seen.set(id, before + 1);
    const ids = this.types.get(String(properties.type)) ?? new Set<string>();
    this.types.set(String(properties.type), ids.add(id));
    if (before > 0) {
      this.channel.ack(message);
      return;
    }
    this.channel.publish(fields.exchange, fields.routingKey, content, properties, () => {
      this.repeated += 1;
      this.channel.ack(message);
    });
  }
}
