import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Repeater } from '../faults/repeater.js';
import type { Patience } from '../until.js';
import type { World } from '../world/world.js';

/** More messages than there can be. */
const WEIGHT = 1e9;

/** Where things stand, in few and cheap looks. */
export interface Standing {
  readonly orders: number;
  readonly charges: number;
  readonly mails: number;
  /** What is under way still: messages, outbox rows. */
  readonly pending: readonly Counted[];
}

interface Counted {
  readonly count: number;
  readonly what: string;
}

export const inWords = ({ count, what }: Counted): string => `${count} ${what}`;

/** Looks at tables, queues and lines. */
export async function standing(world: World, repeater: Repeater): Promise<Standing> {
  const { databases } = world;
  const { rows } = await databases.pool.query<Record<'orders' | 'charges' | 'mails', number>>(
    `select (select count(distinct reference)::int from ${databases.schema('orders')}.orders) as orders,
            (select count(distinct order_id)::int from ${databases.schema('billing')}.charges) as charges,
            (select count(distinct order_id)::int from ${databases.schema('notifications')}.sent_mails) as mails`,
  );
  return { ...rows[0]!, pending: await pending(world, repeater) };
}

async function pending({ broker, databases, taps }: World, repeater: Repeater): Promise<Counted[]> {
  const found: Counted[] = [];
  const note = (count: number, what: string): void => {
    if (count > 0) found.push({ count, what });
  };
  for (const owner of ['orders', 'billing'] as const) {
    note(
      await outboxRows(databases.pool, databases.schema(owner)),
      `rows in the outbox of ${owner}`,
    );
  }
  for (const owner of ['billing', 'notifications'] as const) {
    for (const queue of [broker.queue(owner), ...broker.waitQueues(owner)])
      note((await broker.look(queue))?.messages ?? 0, `messages waiting for ${owner} in ${queue}`);
    note(taps[owner].inWork, `messages in work at ${owner}`);
  }
  note(repeater.seen.size - repeater.repeated, 'events not repeated yet');
  return found;
}

async function outboxRows(pool: Pool, schema: string): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `select (select count(*)::int from ${schema}.outbox_messages)
          + (select count(*)::int from ${schema}.outbox_waiting)
          + (select count(*)::int from ${schema}.outbox_parked) as count`,
  );
  return rows[0]?.count ?? 0;
}

/**
 * Waits until everything is where it belongs. Gives up when nothing has come nearer to that until the deadline, and says
 * what is missing. A message that is delivered and given back again and again has moved, and is no nearer.
 */
export async function converge(
  wanted: Pick<Standing, 'orders' | 'charges' | 'mails'>,
  look: () => Promise<Standing>,
  { deadlineMs, signal }: Patience,
): Promise<string[]> {
  let nearest = Infinity;
  let movedAt = Date.now();
  for (;;) {
    const now = await look();
    const undone = [
      { count: wanted.orders - now.orders, what: 'orders not created' },
      { count: wanted.charges - now.charges, what: 'orders not charged' },
      { count: wanted.mails - now.mails, what: 'customers without a mail' },
    ].filter(({ count }) => count > 0);
    const missing = [...undone, ...now.pending];
    if (missing.length === 0) return [];
    // What is done makes messages, so these tell only while nothing else gets done.
    const distance = sum(undone) * WEIGHT + sum(now.pending);
    if (distance < nearest) movedAt = Date.now();
    nearest = Math.min(nearest, distance);
    if (Date.now() - movedAt > deadlineMs) return missing.map(inWords);
    await pause(200, undefined, { signal });
  }
}

const sum = (counted: readonly Counted[]): number =>
  counted.reduce((total, { count }) => total + count, 0);
