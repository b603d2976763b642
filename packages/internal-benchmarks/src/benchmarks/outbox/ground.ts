import { randomBytes } from 'node:crypto';
import { connect, type Channel } from 'amqplib';
import pg from 'pg';
import { withSearchPath } from '../../with-search-path.js';
import { takeArrivals, type Arrivals } from './arrivals.js';
import { startChild, type Child } from './child.js';
import type { Place } from './subject.js';
import type { SubjectName } from './subjects.js';

/** What every part of the benchmark stands on: pieces of PostgreSQL and of RabbitMQ of this run's own. */
export interface Ground {
  /** To look at the database, not to be measured. */
  readonly admin: pg.Client;
  /** Makes a schema and a quorum queue for a subject. */
  place(name: string): Promise<Place>;
  /** Starts a subject in its process. It is closed with the ground if not before. */
  child(name: SubjectName, place: Place): Promise<Child>;
  /** Leaves every subject's tables as a database has them that was not filled a second ago. */
  settle(): Promise<void>;
  /** Messages that are ready in the queue. */
  depth(queue: string): Promise<number>;
  /** Empties the queue and looks at everything in it. */
  arrivals(queue: string, expected: number): Promise<Arrivals>;
}

/** Messages on their way at once: our default, and the raw publisher's. */
export const WINDOW = 1_000;

/** Lends the ground to `work` and takes everything away that it leaves there. */
export async function onGround<T>(
  { DATABASE_URL = '', AMQP_URL = '' }: Readonly<Record<string, string>>,
  work: (ground: Ground) => Promise<T>,
): Promise<T> {
  const mark = `bench_${randomBytes(6).toString('hex')}`;
  const admin = new pg.Client({ connectionString: DATABASE_URL });
  await admin.connect();
  const broker = await connect(AMQP_URL);
  const channel = await broker.createChannel();
  const children: Child[] = [];
  const queues: string[] = [];
  const place = async (name: string): Promise<Place> => {
    const [schema, queue] = [`${mark}_${name.replaceAll('-', '_')}`, `${mark}.${name}`];
    await admin.query(`create schema ${schema}`);
    await declare(channel, queue);
    queues.push(queue);
    const databaseUrl = withSearchPath(DATABASE_URL, schema);
    return { databaseUrl, schema, amqpUrl: AMQP_URL, queue, window: WINDOW };
  };
  try {
    return await work({
      admin,
      place,
      child: async (name, at) => {
        const child = await startChild(name, at);
        children.push(child);
        return child;
      },
      settle: () => settle(admin, mark),
      depth: async (queue) => (await channel.checkQueue(queue)).messageCount,
      arrivals: (queue, expected) => takeArrivals(channel, queue, expected),
    });
  } finally {
    await Promise.all(children.map((child) => child.close().catch(() => {})));
    for (const queue of queues) await channel.deleteQueue(queue);
    await broker.close();
    await dropSchemas(admin, mark);
    await admin.end();
  }
}

const declare = (channel: Channel, queue: string) =>
  channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });

async function settle(admin: pg.Client, mark: string): Promise<void> {
  const { rows } = await admin.query<{ name: string }>(
    'select schemaname || $2 || tablename as name from pg_tables where starts_with(schemaname, $1)',
    [mark, '.'],
  );
  if (rows.length > 0) await admin.query(`vacuum (analyze) ${rows.map(({ name }) => name).join()}`);
}

async function dropSchemas(admin: pg.Client, mark: string): Promise<void> {
  const { rows } = await admin.query<{ name: string }>(
    'select nspname as name from pg_namespace where starts_with(nspname, $1)',
    [mark],
  );
  for (const { name } of rows) await admin.query(`drop schema ${name} cascade`);
}
