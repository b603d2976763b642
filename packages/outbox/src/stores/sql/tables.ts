/** Names a table within the configured schema. */
export type TableName = (name: string) => string;

/** Where the messages of a place are. */
export const TABLES = { pending: 'outbox_messages', waiting: 'outbox_waiting' } as const;

export type Place = keyof typeof TABLES;
