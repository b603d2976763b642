import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { AmqpConfirmChannelLike, AmqpConnectionLike } from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { percentile } from '../../measure/statistics.js';
import { waitFor } from '../../measure/wait-for.js';
import type { Ground } from './ground.js';
import type { Loads } from './loads.js';
import { bodyOf, TYPE } from './message.js';
import { openOurs } from './our-app.js';
import type { Run } from './report.js';

const PER_SECOND = 500;

/** From the commit to the broker's confirm, at a steady rate; the relay is embedded in the process that commits. */
export async function latency(run: Run, ground: Ground, { seconds }: Loads): Promise<void> {
  const place = await ground.place('latency');
  const confirmedAt = new Map<string, number>();
  const committedAt = new Map<string, number>();
  const app = await openOurs(place, {
    connect: async (url) =>
      watched(await connect(url), (id) => confirmedAt.set(id, performance.now())),
  });
  const { transactions, outbox, relay } = app;
  const add = (index: number): Promise<void> =>
    transactions.run(async () => {
      const messageId = randomUUID();
      const payload = bodyOf(index);
      transactions.afterCommit(() => void committedAt.set(messageId, performance.now()));
      await outbox.add({
        messageId,
        type: TYPE,
        key: payload.key,
        exchange: '',
        routingKey: place.queue,
        payload,
      });
    });
  try {
    relay.start();
    const warmup = PER_SECOND;
    const count = PER_SECOND * seconds;
    await steadily(warmup + count, add);
    await waitFor(() => confirmedAt.size === warmup + count, 'all confirms', 60_000);
    const elapsed = [...committedAt].map(([id, at]) => (confirmedAt.get(id) ?? NaN) - at);
    const samples = elapsed.slice(warmup);
    const [p50, p99] = [percentile(samples, 0.5), percentile(samples, 0.99)];
    const arrivals = await ground.arrivals(place.queue, warmup + count);
    if (arrivals.lost > 0) throw new Error(`${arrivals.lost} messages did not arrive.`);
    run.row('commit to confirm, ours, embedded relay', {
      messages: count,
      p50Micros: Math.round(p50 * 1_000),
      p99Micros: Math.round(p99 * 1_000),
      duplicates: arrivals.duplicates,
      settings: `${PER_SECOND} transactions a second, one message each`,
    });
    run.figure('latencyP50Ms', p50);
    run.figure('latencyP99Ms', p99);
  } finally {
    await app.close();
  }
}

/** Starts one operation every 1 / PER_SECOND seconds, whether or not those before are done. */
async function steadily(count: number, operation: (index: number) => Promise<void>): Promise<void> {
  const start = performance.now();
  const all: Promise<void>[] = [];
  while (all.length < count) {
    const due = Math.floor(((performance.now() - start) / 1_000) * PER_SECOND);
    while (all.length < Math.min(due, count)) all.push(operation(all.length));
    await pause(1);
  }
  await Promise.all(all);
}

/** The connection, and a word for every confirm on its channels. */
function watched(
  connection: AmqpConnectionLike,
  onConfirm: (messageId: string) => void,
): AmqpConnectionLike {
  const create = connection.createConfirmChannel.bind(connection);
  connection.createConfirmChannel = async () => {
    const channel: AmqpConfirmChannelLike = await create();
    const publish = channel.publish.bind(channel);
    channel.publish = (exchange, routingKey, content, options, callback) =>
      publish(exchange, routingKey, content, options, (error) => {
        if (!error) onConfirm(options.messageId);
        callback(error);
      });
    return channel;
  };
  return connection;
}
