import type { ConsumingChannelLike } from '../consumers/consuming-channel-like.js';
import type { ResolvedQueue } from './reliable-rmq.options.js';

/** amqplib's channel, as far as a queue is set up on it. */
export interface SetUpChannelLike extends ConsumingChannelLike {
  assertExchange(exchange: string, type: string, options: object): Promise<unknown>;
}

/** Declares and binds a queue as Nest does for the same options; its prefetch is that of the consumer which is started next. */
export async function setUpQueue(
  channel: SetUpChannelLike,
  options: ResolvedQueue,
  patterns: readonly string[],
): Promise<void> {
  const { queue, queueOptions = {}, noAssert, prefetchCount } = options;
  const { noAssert: isDeclaredElsewhere, ...declaration } = queueOptions as { noAssert?: boolean };
  if (!(noAssert ?? isDeclaredElsewhere ?? false)) await channel.assertQueue(queue, declaration);
  await bind(channel, options, patterns);
  await channel.prefetch(prefetchCount, false);
}

async function bind(
  channel: SetUpChannelLike,
  {
    queue,
    exchange,
    exchangeType = 'topic',
    exchangeArguments,
    routingKey,
    wildcards,
  }: ResolvedQueue,
  patterns: readonly string[],
): Promise<void> {
  if (!exchange && !wildcards) return;
  const name = exchange ?? queue;
  const args = { arguments: exchangeArguments ?? {} };
  await channel.assertExchange(name, exchangeType, { durable: true, ...args });
  if (exchangeType === 'fanout') await channel.bindQueue(queue, name, '');
  else if (routingKey) await channel.bindQueue(queue, name, routingKey);
  if (wildcards)
    for (const pattern of patterns)
      if (!pattern.startsWith('\u0000')) await channel.bindQueue(queue, name, pattern);
}
