import { randomBytes, randomUUID } from 'node:crypto';
import { connect } from 'amqplib';
import { confirming } from '../../amqp/confirming.js';
import { inWindow } from '../../amqp/in-window.js';
import { startChild, type Child } from '../../measure/child.js';
import { TYPE, type Form } from './message.js';
import { QUORUM } from './quorum.js';
import { waitQueueOf } from './rates/wait-queue.js';
import type { Command, Place } from './rates/subject.js';
import type { SubjectName } from './rates/subjects.js';

const PREFETCH = 100;
/** Messages on their way at once. */
export const WINDOW = 1_000;

/** A subject in its process, and the queues that it has. */
export interface Rated {
  readonly place: Place;
  readonly child: Child<Command>;
}

/** What is published. */
export interface Load {
  readonly form: Form;
  contentAt(index: number): Buffer;
}

/** What the rates stand on: queues of this run's own. */
export interface Ground {
  /** Makes the queues of a subject and starts it. It is closed with the ground. */
  subject(name: SubjectName, prefetch?: number): Promise<Rated>;
  /** Publishes so many messages. */
  fill(queue: string, count: number, load: Load): Promise<void>;
  /** Messages that are ready in the queue. */
  depth(queue: string): Promise<number>;
  purge(queue: string): Promise<void>;
}

/** Lends the ground to `work` and takes everything away that it leaves there. */
export async function onGround<T>(
  { AMQP_URL: amqpUrl = '' }: Readonly<Record<string, string>>,
  work: (ground: Ground) => Promise<T>,
): Promise<T> {
  const mark = `bench_${randomBytes(6).toString('hex')}`;
  const broker = await connect(amqpUrl);
  const channel = await broker.createChannel();
  const children: Child<Command>[] = [];
  const queues: string[] = [];
  const place = async (name: string, prefetch: number): Promise<Place> => {
    const queue = `${mark}.${name}`;
    const waitQueue = waitQueueOf(queue);
    queues.push(queue, waitQueue, `${queue}.dlq`);
    await channel.assertQueue(queue, QUORUM);
    return { amqpUrl, queue, waitQueue, prefetch, window: WINDOW };
  };
  try {
    return await work({
      subject: async (name, prefetch = PREFETCH) => {
        const at = await place(name, prefetch);
        const child = await startChild<Command>(name, 'rabbitmq/program.js', [
          name,
          JSON.stringify(at),
        ]);
        children.push(child);
        return { place: at, child };
      },
      fill: async (queue, count, { form, contentAt }) => {
        // As stock Nest sends it: a packet says by itself what it is.
        const type = form === 'plain' ? TYPE : undefined;
        const publisher = await confirming(amqpUrl, queue, type);
        await inWindow({ count, window: WINDOW }, (index, done) =>
          publisher.send(contentAt(index), randomUUID(), done),
        );
        await publisher.close();
      },
      depth: async (queue) => (await channel.checkQueue(queue)).messageCount,
      purge: async (queue) => void (await channel.purgeQueue(queue)),
    });
  } finally {
    await Promise.all(children.map((child) => child.close().catch(() => {})));
    for (const queue of queues) await channel.deleteQueue(queue);
    await broker.close();
  }
}
