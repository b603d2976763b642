import { waitFor, type TestBroker } from '@acme/internal-testing';
import type { ConsumeMessage, Message, Options } from 'amqplib';

/** Declares a queue; messages reach it through the default exchange, with its name as the routing key. */
export async function declareQueue(
  broker: Pick<TestBroker, 'channel' | 'name'>,
  name: string,
  options: Options.AssertQueue = {},
): Promise<string> {
  const channel = await broker.channel();
  const queue = broker.name(name);
  await channel.assertQueue(queue, { durable: true, ...options });
  await channel.close();
  return queue;
}

/** Takes what is ready in a queue. By subscribing: asking for each message is a round trip. */
export async function takeAll(
  broker: Pick<TestBroker, 'channel' | 'queue'>,
  queue: string,
): Promise<ConsumeMessage[]> {
  const expected = (await broker.queue(queue))?.messages ?? 0;
  const channel = await broker.channel();
  const taken: ConsumeMessage[] = [];
  const { consumerTag } = await channel.consume(
    queue,
    (message) => message && taken.push(message),
    {
      noAck: true,
    },
  );
  await waitFor(() => taken.length >= expected, { what: `${expected} messages of ${queue}` });
  // First this: a closing channel throws away what is delivered to it, and with noAck that is lost.
  await channel.cancel(consumerTag);
  await channel.close();
  return taken;
}

/** What arrived first, of every message that arrived: a duplicate is no violation of the order. */
export function firstOccurrences(messages: readonly Message[]): Message[] {
  const seen = new Set<unknown>();
  return messages.filter(({ properties }) => {
    const isNew = !seen.has(properties.messageId);
    seen.add(properties.messageId);
    return isNew;
  });
}

/** Pairs of neighbours of one key that arrived in the wrong order, by first occurrence. Payload: `{ key, n }`. */
export function orderViolations(messages: readonly Message[]): string[] {
  const last = new Map<string, number>();
  const violations: string[] = [];
  for (const { content } of firstOccurrences(messages)) {
    const { key, n } = JSON.parse(content.toString()) as { key: string; n: number };
    const before = last.get(key);
    if (before !== undefined && before > n) violations.push(`${key}: ${n} after ${before}`);
    last.set(key, n);
  }
  return violations;
}
