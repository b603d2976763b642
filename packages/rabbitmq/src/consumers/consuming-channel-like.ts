/** What a consumer is given: a delivery, or null when the broker has ended the consumer. */
export type OnDelivery = (delivery: unknown) => void;

/** Options of a consumer, as far as they are read here. */
export interface ConsumeOptionsLike {
  readonly noAck?: boolean | undefined;
  readonly consumerTag?: string | undefined;
}

/** How a queue was declared, as amqplib takes it. */
export interface QueueDeclaration {
  readonly exclusive?: boolean | undefined;
  readonly [option: string]: unknown;
}

/** amqplib's channel, as a client library consumes and settles on it. */
export interface ConsumingChannelLike {
  consume(
    queue: string,
    onDelivery: OnDelivery,
    options?: ConsumeOptionsLike,
  ): Promise<{ readonly consumerTag: string }>;
  cancel(consumerTag: string): Promise<unknown>;
  prefetch(count: number, isGlobal?: boolean): Promise<unknown>;
  assertQueue(queue: string, declaration?: QueueDeclaration): Promise<{ readonly queue: string }>;
  assertExchange?(exchange: string, type: string, declaration?: object): Promise<unknown>;
  bindQueue(queue: string, exchange: string, key: string, args?: unknown): Promise<unknown>;
  get?(...args: readonly unknown[]): unknown;
  ack(delivery: unknown, allUpTo?: boolean): void;
  nack(delivery: unknown, allUpTo?: boolean, requeue?: boolean): void;
  reject(delivery: unknown, requeue?: boolean): void;
  ackAll(): void;
  nackAll(requeue?: boolean): void;
  once(event: 'close', listener: () => void): unknown;
  /** Of a confirm channel. */
  waitForConfirms?(): Promise<unknown>;
}
