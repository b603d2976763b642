import type { OutboxTable } from '../sql/tables.js';

type Settings = Readonly<Record<string, string>>;

/** What the migration makes, as far as somebody may have unmade it. */
export interface TableShape {
  readonly settings: Settings;
  readonly primaryKey: readonly string[];
  readonly indexes: Readonly<Record<string, readonly string[]>>;
}

/**
 * A queue table's rows live for milliseconds. Vacuum is cheap while it comes often, and the default (a fifth of the table)
 * never comes while the table is nearly empty.
 */
const CHURN: Settings = {
  autovacuum_vacuum_scale_factor: '0',
  autovacuum_vacuum_threshold: '1000',
  autovacuum_vacuum_cost_delay: '0',
  autovacuum_analyze_scale_factor: '0',
  autovacuum_analyze_threshold: '10000',
};

/** Rows that are updated in place: space for the new versions on the same page. */
const updated = (fillfactor: string): Settings => ({ fillfactor, ...CHURN });

const shape = (
  settings: Settings,
  key: string,
  indexes: TableShape['indexes'] = {},
): TableShape => ({ settings, primaryKey: [key], indexes });

export const SHAPES: Readonly<Record<OutboxTable, TableShape>> = {
  outbox_messages: shape(CHURN, 'seq'),
  outbox_waiting: shape(CHURN, 'seq', { outbox_waiting_block: ['block', 'seq'] }),
  outbox_blocks: shape(updated('50'), 'block', { outbox_blocks_due: ['available_at'] }),
  outbox_delayed: shape(CHURN, 'seq', { outbox_delayed_due: ['available_at', 'seq'] }),
  outbox_parked: shape({}, 'seq'),
  outbox_published: shape({}, 'seq', { outbox_published_at: ['published_at'] }),
  outbox_sequences: shape(updated('50'), 'key'),
  outbox_lanes: shape(updated('10'), 'lane'),
  outbox_relays: shape(updated('10'), 'id'),
};

/** For `with (…)` and `set (…)`. */
export const settingsOf = (table: OutboxTable, only = SHAPES[table].settings): string =>
  Object.entries(only)
    .map(([name, value]) => `${name} = ${value}`)
    .join(', ');
