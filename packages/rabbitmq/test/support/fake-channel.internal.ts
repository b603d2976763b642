import { EventEmitter } from 'node:events';
import type { Client } from '../../src/consumers/consumers.js';
import type { OnDelivery } from '../../src/consumers/consuming-channel-like.js';

export const delivery = (deliveryTag: number) => ({
  fields: { deliveryTag, routingKey: 'k' },
  properties: {},
});

/** Whoever has the channel. */
export const fakeClient: Client = {
  name: 'tests',
  source: {},
  virtualHost: undefined,
  isConnected: () => true,
  connection: () => undefined,
  reconnect: () => {},
};

/** A channel of amqplib, without a broker. */
export class FakeChannel extends EventEmitter {
  readonly said: unknown[][] = [];
  readonly consumers = new Map<string, OnDelivery>();
  isOpen = true;
  refuses: Error | undefined;
  tellsOfConsuming = false;

  consume(queue: string, onDelivery: OnDelivery, options: { consumerTag?: string } = {}) {
    if (this.refuses) return Promise.reject(this.refuses);
    if (this.tellsOfConsuming) this.said.push(['consume', queue]);
    const consumerTag = options.consumerTag ?? `tag-${this.consumers.size + 1}`;
    this.consumers.set(consumerTag, onDelivery);
    return Promise.resolve({ consumerTag });
  }

  cancel = async (tag: string): Promise<void> => void this.said.push(['cancel', tag]);
  prefetch = async (count: number): Promise<void> => void this.said.push(['prefetch', count]);
  assertQueue = async (queue: string) => ({ queue: queue || 'amq.gen-1' });
  bindQueue = async (): Promise<void> => {};
  ack = (...args: unknown[]): void => this.#say('ack', args);
  nack = (...args: unknown[]): void => this.#say('nack', args);
  reject = (...args: unknown[]): void => this.#say('reject', args);
  ackAll = (...args: unknown[]): void => this.#say('ackAll', args);
  nackAll = (...args: unknown[]): void => this.#say('nackAll', args);

  #say(word: string, args: unknown[]): void {
    if (!this.isOpen) throw new Error('Channel closed');
    this.said.push([word, ...args]);
  }
}
