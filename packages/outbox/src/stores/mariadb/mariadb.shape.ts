import type { OutboxTable } from '../sql/tables.js';

/** What the migration makes, as far as somebody may have unmade it. */
export interface TableShape {
  readonly primaryKey: string;
  /** Whether the server numbers the rows. */
  readonly numbered: boolean;
  readonly indexes: Readonly<Record<string, readonly string[]>>;
}

const shape = (primaryKey: string, indexes: TableShape['indexes'] = {}): TableShape => ({
  primaryKey,
  numbered: false,
  indexes,
});

export const SHAPES: Readonly<Record<OutboxTable, TableShape>> = {
  outbox_messages: { ...shape('seq'), numbered: true },
  outbox_waiting: shape('seq', { outbox_waiting_block: ['block', 'seq'] }),
  outbox_blocks: shape('block', { outbox_blocks_due: ['available_at'] }),
  outbox_delayed: {
    ...shape('seq', { outbox_delayed_due: ['available_at', 'seq'] }),
    numbered: true,
  },
  outbox_parked: shape('seq'),
  outbox_published: shape('seq', { outbox_published_at: ['published_at'] }),
  outbox_sequences: shape('key'),
  outbox_lanes: shape('lane'),
  outbox_relays: shape('id'),
};

export const OUTBOX_TABLES = Object.keys(SHAPES) as OutboxTable[];
