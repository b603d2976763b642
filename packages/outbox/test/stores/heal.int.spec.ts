import type { OutboxStore } from '@acme/nest-outbox';
import { beforeEach, describe, expect, it } from 'vitest';
import { OUTBOX_DATABASES, type OutboxDatabase } from '../support/outbox-database.js';

describe.each(OUTBOX_DATABASES)(
  'what somebody has moved to the waiting ones by hand, on %s',
  (_, openDatabase) => {
    let database: OutboxDatabase;
    let store: OutboxStore;
    beforeEach(async () => {
      database = await openDatabase();
      store = database.store();
      await store.prepare(4);
    });

    const wait = (seq: number, block: string) =>
      database.query(
        `insert into outbox_waiting (seq, lane, message_id, type, occurred_at, payload, block, attempts, tries, history)
         values (${seq}, ${seq % 4}, 'm${seq}', 't', now(), '1', '${block}', 0, 0, '[]')`,
      );
    const due = async () =>
      (await store.readWaiting([0, 1, 2, 3], [], 10)).messages.map(({ seq }) => seq);

    it('is due when the relay has looked after it, and what waits for a time goes on waiting', async () => {
      for (const [seq, block] of [
        [4, '=a'],
        [8, '=a'],
        [1, '=b'],
        [2, '#2'],
        [3, '=c'],
        [7, '=c'],
      ] as const)
        await wait(seq, block);
      await database.query(
        `insert into outbox_blocks (block, lane, available_at) values ('=c', 3, now() + interval '1' day)`,
      );
      expect(await due()).toEqual([]);
      await store.heal();
      expect(await due()).toEqual([1, 2, 4, 8]);
      await store.heal();
      expect(await due()).toEqual([1, 2, 4, 8]);
      await expect(store.readBlocks([0])).resolves.toEqual([{ block: '=a', lane: 0 }]);
    });

    it('is looked for without a lock', async () => {
      await wait(1, '=a');
      await store.heal();
      const other = await database.connect();
      try {
        await other.query('begin');
        await other.query('select seq from outbox_waiting for update');
        await other.query('select block from outbox_blocks for update');
        await expect(store.heal()).resolves.toBeUndefined();
      } finally {
        await other.query('rollback');
        other.release();
      }
    });
  },
);
