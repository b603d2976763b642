/** The part of a connection of `amqplib` (`ChannelModel`, what `connect()` resolves with) that is used. */
export interface AmqpConnectionLike {
  createConfirmChannel(): Promise<AmqpConfirmChannelLike>;
  createChannel(): Promise<AmqpChannelLike>;
  on(event: string, listener: (detail: unknown) => void): unknown;
  close(): Promise<unknown>;
  /** What is below it: see `closeAndSever`. */
  readonly connection?: unknown;
  /** Others use it as well: only what was opened here is closed. */
  readonly isBorrowed?: boolean;
}

/** A connection that belongs to somebody else, who closes it. */
export interface AmqpSharedConnectionLike extends Omit<AmqpConnectionLike, 'close' | 'isBorrowed'> {
  removeListener(event: string, listener: (detail: unknown) => void): unknown;
}

/** The part of a connection manager of `amqp-connection-manager` that is used. */
export interface AmqpConnectionManagerLike {
  /** Undefined while there is none. */
  readonly connection: AmqpSharedConnectionLike | undefined;
  on(event: string, listener: (detail: unknown) => void): unknown;
  removeListener(event: string, listener: (detail: unknown) => void): unknown;
}

/** The part of a channel that is used. */
export interface AmqpChannelLike {
  checkExchange(exchange: string): Promise<unknown>;
  on(event: string, listener: (detail: unknown) => void): unknown;
  close(): Promise<unknown>;
}

/** The part of a channel with publisher confirms that is used. */
export interface AmqpConfirmChannelLike extends AmqpChannelLike {
  publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    options: AmqpPublishOptions,
    callback: (error: Error | null) => void,
  ): boolean;
}

/** A channel of amqplib, as far as it declares. */
export interface TopologyChannelLike {
  assertExchange(name: string, type: string, options: object): PromiseLike<unknown>;
  assertQueue(name: string, options: object): PromiseLike<unknown>;
  bindQueue(
    queue: string,
    exchange: string,
    routingKey: string,
    args?: object,
  ): PromiseLike<unknown>;
  bindExchange(to: string, from: string, routingKey: string, args?: object): PromiseLike<unknown>;
}

/** The same where queues are declared. */
export interface AmqpDeclaringChannelLike extends AmqpChannelLike, TopologyChannelLike {
  checkQueue(
    queue: string,
  ): PromiseLike<{ readonly messageCount: number; readonly consumerCount: number }>;
}

/** The same where messages are taken out of queues. */
export interface AmqpTakingChannelLike extends AmqpDeclaringChannelLike {
  prefetch(count: number): PromiseLike<unknown>;
  consume(
    queue: string,
    onMessage: (message: AmqpTakenLike | null) => void,
    options: { readonly consumerTag: string },
  ): PromiseLike<unknown>;
  cancel(consumerTag: string): PromiseLike<unknown>;
  get(queue: string): PromiseLike<unknown>;
  ack(message: { readonly fields: { readonly deliveryTag: number } }): void;
  nackAll(requeue: boolean): void;
  purgeQueue(queue: string): PromiseLike<{ readonly messageCount: number }>;
}

/** A connection over which queues are declared and looked into as well: one of `amqplib` is. */
export interface AmqpTakingConnectionLike extends AmqpConnectionLike {
  createChannel(): Promise<AmqpTakingChannelLike>;
}

/** A message that was taken out of a queue. */
export interface AmqpTakenLike {
  readonly content: Buffer;
  readonly fields: {
    readonly deliveryTag: number;
    readonly redelivered: boolean;
    readonly exchange: string;
    readonly routingKey: string;
  };
  readonly properties: { readonly headers?: Record<string, unknown> | undefined };
}

/** Properties of a message, as `amqplib` names them. */
export interface AmqpPublishOptions {
  readonly persistent: boolean;
  readonly mandatory: boolean;
  /** Needed to know a message again that the broker gives back. */
  readonly messageId: string;
  readonly type?: string;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  /** Seconds. */
  readonly timestamp?: number;
  readonly headers: Record<string, unknown>;
  readonly correlationId?: string;
  readonly replyTo?: string;
  readonly appId?: string;
  readonly priority?: number;
}

/** A message that the broker gives back. */
export interface AmqpReturnLike {
  readonly fields: { readonly exchange: string; readonly routingKey: string };
  readonly properties: { readonly messageId?: unknown };
}
