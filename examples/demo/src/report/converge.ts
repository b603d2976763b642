import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Repeater } from '../faults/repeater.js';
import type { Patience } from '../until.js';
import type { World } from '../world/world.js';

/** Where things stand, in few and cheap looks. */
export interface Standing {
  readonly orders: number;
  readonly charges: number;
  readonly mails: number;
  /** What is under way still, in words: messages, outbox rows. */
  readonly pending: readonly string[];
}

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

async function pending({ broker, databases, taps }: World, repeater: Repeater): Promise<string[]> {
  const found: string[] = [];
  const note = (count: number, what: string): void => {
    if (count > 0) found.push(`${count} ${what}`);
  };
  for (const owner of ['orders', 'billing'] as const) {
    note(
      await outboxRows(databases.pool, databases.schema(owner)),
      `rows in the outbox of ${owner}`,
    );
  }
  for (const owner of ['billing', 'notifications'] as const) {
    note((await broker.look(broker.queue(owner)))?.messages ?? 0, `messages waiting for ${owner}`);
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
 * Waits until everything is where it belongs. Gives up when nothing has moved until the deadline, and says what is missing.
 */
export async function converge(
  wanted: number,
  look: () => Promise<Standing>,
  { deadlineMs, signal }: Patience,
): Promise<string[]> {
  let before = '';
  let movedAt = Date.now();
  for (;;) {
    const now = await look();
    const missing = [
      ...(now.orders < wanted ? [`${wanted - now.orders} orders not created`] : []),
      ...(now.charges < wanted ? [`${wanted - now.charges} orders not charged`] : []),
      ...(now.mails < wanted ? [`${wanted - now.mails} customers without a mail`] : []),
      ...now.pending,
    ];
    if (missing.length === 0) return [];
    const picture = missing.join();
    if (picture !== before) movedAt = Date.now();
    before = picture;
    if (Date.now() - movedAt > deadlineMs) return missing;
    await pause(200, undefined, { signal });
  }
}
