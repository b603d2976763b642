/** Names a table within the configured schema. */
export type TableName = (name: string) => string;

/** Where the messages of a place are. */
export const TABLES = { pending: 'outbox_messages', waiting: 'outbox_waiting' } as const;

export type Place = keyof typeof TABLES;

/** Every table of the outbox. */
export type OutboxTable =
  | 'outbox_messages'
  | 'outbox_waiting'
  | 'outbox_blocks'
  | 'outbox_delayed'
  | 'outbox_parked'
  | 'outbox_published'
  | 'outbox_sequences'
  | 'outbox_lanes'
  | 'outbox_relays';
