import type { SqlExecutor } from '@acme/nest-transaction';
import { createHash } from 'node:crypto';
import type { WakeUpEvents, WakeUpListener, WakeUps } from '../contracts/wake-ups.js';
import type { PgListenerFactory } from './pg-listener-like.js';
import { PostgresListener } from './postgres-listener.js';

/** Longer names of channels are refused. */
const MAX_BYTES = 63;

/** Hints by NOTIFY, on a channel for each schema. */
export class PostgresWakeUps implements WakeUps {
  #channel: string | undefined;

  /** @param schema says where the tables are */
  constructor(
    private readonly database: SqlExecutor,
    private readonly schema: () => Promise<string>,
    private readonly connect: PgListenerFactory,
  ) {}

  tell(): Promise<void> {
    return this.#notify('');
  }

  listen(events: WakeUpEvents): WakeUpListener {
    const parts = {
      connect: this.connect,
      channel: () => this.#channelName(),
      notify: (payload: string) => this.#notify(payload),
    };
    return new PostgresListener(parts, events);
  }

  async #notify(payload: string): Promise<void> {
    const channel = await this.#channelName();
    // Not in the select list: there are libraries that cannot read a column of type void.
    await this.database.query('select 1 from pg_notify($1, $2)', [channel, payload]);
  }

  async #channelName(): Promise<string> {
    return (this.#channel ??= channelOf(await this.schema()));
  }
}

/** Speaks for itself in the server's log and in `pg_stat_activity`, where it fits. */
function channelOf(schema: string): string {
  const name = `outbox_${schema}`;
  if (Buffer.byteLength(name) <= MAX_BYTES) return name;
  return `outbox_${createHash('sha256').update(schema).digest('hex').slice(0, 32)}`;
}
