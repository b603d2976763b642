import type { Channel, ConsumeMessage } from 'amqplib';
import { waitFor } from '../../measure/wait-for.js';
import type { Body } from './message.js';

/** What came of a backlog, told by the queue. */
export interface Arrivals {
  readonly arrived: number;
  /** Messages beyond the first with their id. */
  readonly duplicates: number;
  /** Messages that never came. */
  readonly lost: number;
  /** Neighbours of one key in the wrong order; of each message only the first copy counts. */
  readonly orderViolations: number;
}

/** Empties the queue and looks at everything in it. */
export async function takeArrivals(
  channel: Channel,
  queue: string,
  expected: number,
): Promise<Arrivals> {
  const { messageCount } = await channel.checkQueue(queue);
  const seen = new Set<string>();
  const last = new Map<string, number>();
  let arrived = 0;
  let orderViolations = 0;
  const look = ({ content }: ConsumeMessage): void => {
    arrived += 1;
    const { key, n } = JSON.parse(content.toString()) as Body;
    const id = `${key} ${n}`;
    if (seen.has(id)) return;
    seen.add(id);
    if (n < (last.get(key) ?? -1)) orderViolations += 1;
    last.set(key, n);
  };
  const { consumerTag } = await channel.consume(queue, (message) => message && look(message), {
    noAck: true,
  });
  await waitFor(() => arrived >= messageCount, `${messageCount} messages of ${queue}`, 120_000);
  await channel.cancel(consumerTag);
  return {
    arrived,
    duplicates: arrived - seen.size,
    lost: expected - seen.size,
    orderViolations,
  };
}
