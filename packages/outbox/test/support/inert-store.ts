import type { NewMessage, OutboxStore } from '@acme/nest-outbox';

/** A store without a database, for applications whose relay is off; what was inserted is in `messages`. */
export function inertStore(): OutboxStore & { readonly messages: NewMessage[] } {
  const messages: NewMessage[] = [];
  const store: Partial<OutboxStore> & { readonly messages: NewMessage[] } = {
    lanes: 1,
    messages,
    prepare: async () => {},
    insert: async (_sql, more) => void messages.push(...more),
  };
  return store as OutboxStore & { readonly messages: NewMessage[] };
}
