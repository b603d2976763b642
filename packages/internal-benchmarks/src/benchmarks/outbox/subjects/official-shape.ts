import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { chunks } from '../chunks.js';
import { confirming } from '../../../amqp/confirming.js';
import { bodyOf, TYPE } from '../message.js';
import type { OpenSubject } from '../subject.js';

const BATCH = 100;
const KEYS_IN_FLIGHT = 10;

interface Row {
  readonly seq: string;
  readonly key: string;
  readonly message_id: string;
  readonly payload: string;
}

const TABLE = `
create table if not exists official_shape (
  seq bigint generated always as identity primary key,
  message_id uuid not null default gen_random_uuid(),
  type text not null,
  key text,
  payload text not null,
  available_at timestamptz not null default now(),
  lease_token uuid,
  lease_until timestamptz
)`;

// Without the probe for an older message of the same key, which a backlog of runnable messages does not need and which is what
// makes the official claim slow on a blocked one.
const CLAIM = `
update official_shape o
set lease_token = $1, lease_until = now() + interval '30 seconds'
from (
  select seq
  from official_shape
  where available_at <= now() and (lease_until is null or lease_until < now())
  order by seq
  limit ${BATCH}
  for update skip locked
) c
where o.seq = c.seq
returning o.seq, o.key, o.message_id, o.payload`;

const DONE = 'delete from official_shape where seq = $1 and lease_token = $2';

/**
 * The shape of the official `@nestjs/outbox`, which is not on npm, with its defaults: claims 100, has 10 keys in flight, and
 * for each message waits for the confirm, then deletes it under the fence; claims again when all are done.
 */
export const open: OpenSubject = async ({ databaseUrl, amqpUrl, queue }) => {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: KEYS_IN_FLIGHT });
  await pool.query(TABLE);
  const broker = await confirming(amqpUrl, queue, TYPE);
  const publishBatch = async (): Promise<number> => {
    const token = randomUUID();
    const { rows } = await pool.query<Row>(CLAIM, [token]);
    const keys = byKey(rows).values();
    const worker = async (): Promise<void> => {
      for (const ofOneKey of keys) {
        for (const row of ofOneKey) {
          await broker.publish(Buffer.from(row.payload), row.message_id);
          await pool.query(DONE, [row.seq, token]);
        }
      }
    };
    await Promise.all(Array.from({ length: KEYS_IN_FLIGHT }, worker));
    return rows.length;
  };
  return {
    fill: async (count) => {
      for (const indexes of chunks(count)) {
        const bodies = indexes.map(bodyOf);
        await pool.query(
          'insert into official_shape (type, key, payload) select $1, * from unnest($2::text[], $3::text[])',
          [TYPE, bodies.map(({ key }) => key), bodies.map((body) => JSON.stringify(body))],
        );
      }
    },
    drain: async (count) => {
      let done = 0;
      while (done < count) done += await publishBatch();
    },
    close: async () => {
      await broker.close();
      await pool.end();
    },
  };
};

function byKey(rows: readonly Row[]): Map<string, Row[]> {
  const keys = new Map<string, Row[]>();
  for (const row of [...rows].sort((a, b) => Number(a.seq) - Number(b.seq))) {
    keys.set(row.key, [...(keys.get(row.key) ?? []), row]);
  }
  return keys;
}
