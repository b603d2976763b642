import { sqlOf, type SqlExecutor } from '@acme/nest-transaction';
import {
  OutboxStore,
  type HeldLane,
  type NewMessage,
  type StoredMessage,
  type Tended,
  type WaitingRead,
} from '../../contracts/outbox-store.js';
import { laneOf } from '../../core/lane.js';
import { OptionsCheck } from '../../core/options-check.js';
import type { HeldBack, Parked } from '../../core/settle-plan.js';
import { OutboxConfigurationError, OutboxSchemaError } from '../../outbox.errors.js';
import { fromRow, type MessageRow } from '../sql/message-row.js';
import { migrationSql } from './postgres.schema.js';
import * as sql from './postgres.sql.js';

/** Options of `PostgresOutboxStore`. */
export interface PostgresOutboxStoreOptions {
  /**
   * Where the relay gets its connections: a pg `Pool`, or any other handle or pool that `sqlOf()` of
   * `@acme/nest-transaction` accepts, or a `SqlExecutor`. It stays its owner's: nobody closes it here.
   */
  readonly database: unknown;
  /**
   * Schema of the tables, for when it is not in the search path.
   * @default the first schema of the search path
   */
  readonly schema?: string | undefined;
  /**
   * Whether `prepare` creates and upgrades the tables. Without it they have to be there: `migrate()` is what a deployment
   * step calls, with a role that may create tables.
   * @default true
   */
  readonly migrate?: boolean | undefined;
}

const DEFAULT_LANES = 16;

/** The outbox in PostgreSQL 12 or later. */
export class PostgresOutboxStore extends OutboxStore {
  readonly #db: SqlExecutor;
  readonly #t: sql.TableName;
  readonly #migrate: boolean;
  readonly #insertOne: string;
  readonly #insertMany: string;
  #lanes = 0;

  /** @throws {OutboxConfigurationError} when the options make no store */
  constructor(options: PostgresOutboxStoreOptions) {
    super();
    const { schema, migrate = true, database } = options;
    const check = new OptionsCheck();
    check.known('store.', options, ['database', 'schema', 'migrate']);
    if (database === undefined || database === null)
      check.problems.push('store.database: missing. Give your pool or data source.');
    if (schema !== undefined && !/^[A-Za-z_][\w$]*$/.test(schema))
      check.problems.push(
        `store.schema: ${JSON.stringify(schema)} is not a plain SQL name. Give letters, digits and underscores.`,
      );
    if (check.problems.length > 0) throw new OutboxConfigurationError(check.problems);
    this.#db = isExecutor(database) ? database : sqlOf(database);
    if (this.#db.dialect !== 'postgres') {
      throw new OutboxConfigurationError([
        `store.database: speaks ${this.#db.dialect}. PostgresOutboxStore needs PostgreSQL.`,
      ]);
    }
    this.#t = (name) => (schema === undefined ? name : `"${schema}".${name}`);
    this.#migrate = migrate;
    this.#insertOne = sql.insertMessage(this.#t);
    this.#insertMany = sql.insertMessages(this.#t);
  }

  get lanes(): number {
    return this.#lanes;
  }

  /** Creates or upgrades the tables. Any number of processes may call it at once. */
  async migrate(lanes = DEFAULT_LANES): Promise<void> {
    await this.#db.query(migrationSql(this.#t, lanes));
  }

  async prepare(lanes: number | undefined): Promise<void> {
    if (this.#migrate) await this.migrate(lanes);
    const count = await this.#countLanes();
    if (lanes !== undefined && lanes !== count) {
      throw new OutboxSchemaError(
        `relay.lanes is ${lanes}, but the outbox in the database has ${count} lanes, and messages are stored by them. ` +
          `Configure ${count} or leave the option out; to change the number, stop all producers, let the outbox run empty and replace the rows of ${this.#t('outbox_lanes')}.`,
      );
    }
    this.#lanes = count;
  }

  async insert(executor: SqlExecutor, messages: readonly NewMessage[]): Promise<void> {
    const columns = COLUMNS.map((column) =>
      messages.map((message) => column(message, this.#lanes)),
    );
    if (messages.length === 1) await executor.query(this.#insertOne, columns.flat());
    else await executor.query(this.#insertMany, columns);
  }

  async tend(relay: string, held: readonly HeldLane[], leaseMs: number): Promise<Tended> {
    const { rows } = await this.#db.query<{ relays: number; renewed: string | null }>(
      sql.tendLanes(this.#t),
      [relay, leaseMs, ...lanesAndTokens(held)],
    );
    const { relays = 1, renewed } = rows[0] ?? {};
    return { relays, renewed: renewed ? renewed.split(',').map(Number) : [] };
  }

  async claim(
    relay: string,
    limit: number,
    leaseMs: number,
  ): Promise<(HeldLane & { takenOver: boolean })[]> {
    const { rows } = await this.#db.query<{ lane: number; token: string; taken_over: boolean }>(
      sql.claimLanes(this.#t),
      [relay, limit, leaseMs],
    );
    return rows.map((row) => ({
      lane: row.lane,
      token: Number(row.token),
      takenOver: row.taken_over,
    }));
  }

  async release(held: readonly HeldLane[]): Promise<void> {
    await this.#db.query(sql.releaseLanes(this.#t), lanesAndTokens(held));
  }

  async leave(relay: string): Promise<void> {
    await this.#db.query(sql.leave(this.#t), [relay]);
  }

  async readPending(
    lanes: readonly number[],
    except: readonly number[],
    limit: number,
  ): Promise<StoredMessage[]> {
    const { rows } = await this.#db.query<MessageRow>(sql.readPending(this.#t), [
      lanes,
      except,
      limit,
    ]);
    return rows.map((row) => fromRow(row, 'pending'));
  }

  async readBlocks(lanes: readonly number[]): Promise<{ block: string; lane: number }[]> {
    const { rows } = await this.#db.query<{ block: string; lane: number }>(
      sql.readBlocks(this.#t),
      [lanes],
    );
    return rows.map(({ block, lane }) => ({ block, lane }));
  }

  async readWaiting(
    lanes: readonly number[],
    except: readonly string[],
    limit: number,
  ): Promise<WaitingRead> {
    const { rows } = await this.#db.query<MessageRow & { block: string }>(
      sql.readWaiting(this.#t),
      [lanes, except, limit],
    );
    return {
      messages: rows.filter(({ seq }) => seq !== null).map((row) => fromRow(row, 'waiting')),
      empty: rows.filter(({ seq }) => seq === null).map(({ block }) => block),
    };
  }

  async remove(
    place: StoredMessage['place'],
    seqs: readonly number[],
    held: readonly HeldLane[],
  ): Promise<number> {
    const statement = sql.removeMessages(this.#t, TABLES[place]);
    const { rowCount } = await this.#db.query(statement, [seqs, ...lanesAndTokens(held)]);
    return rowCount;
  }

  async divert(messages: readonly StoredMessage[], held: readonly HeldLane[]): Promise<void> {
    await this.#db.query(sql.divertMessages(this.#t), [
      messages.map(({ seq }) => seq),
      messages.map(({ block }) => block),
      ...lanesAndTokens(held),
    ]);
  }

  async holdBack(
    place: StoredMessage['place'],
    entries: readonly HeldBack<StoredMessage>[],
    held: readonly HeldLane[],
  ): Promise<void> {
    const statement = place === 'waiting' ? sql.holdWaiting(this.#t) : sql.holdPending(this.#t);
    await this.#db.query(statement, [
      entries.map(({ row }) => row.seq),
      entries.map(({ row }) => row.block),
      entries.map(({ attempts }) => attempts),
      entries.map(({ tries }) => tries),
      entries.map(({ history }) => JSON.stringify(history)),
      entries.map(({ delayMs }) => delayMs),
      ...lanesAndTokens(held),
    ]);
  }

  async park(
    place: StoredMessage['place'],
    entries: readonly Parked<StoredMessage>[],
    held: readonly HeldLane[],
  ): Promise<void> {
    await this.#db.query(sql.parkMessages(this.#t, TABLES[place]), [
      entries.map(({ row }) => row.seq),
      entries.map(({ attempts }) => attempts),
      entries.map(({ reason }) => reason.code),
      entries.map(({ reason }) => reason.message),
      entries.map(({ history }) => JSON.stringify(history)),
      ...lanesAndTokens(held),
    ]);
  }

  async unblock(blocks: readonly string[], held: readonly HeldLane[]): Promise<string[]> {
    const { rows } = await this.#db.query<{ block: string }>(sql.unblock(this.#t), [
      blocks,
      ...lanesAndTokens(held),
    ]);
    return rows.map(({ block }) => block);
  }

  async #countLanes(): Promise<number> {
    const found = await this.#db
      .query<{ lanes: number }>(sql.countLanes(this.#t))
      .catch((error: unknown) => {
        if ((error as { code?: unknown } | null)?.code !== UNDEFINED_TABLE) throw error;
        throw this.#missing(error);
      });
    const count = found.rows[0]?.lanes ?? 0;
    if (count === 0) throw this.#missing(undefined);
    return count;
  }

  #missing(cause: unknown): OutboxSchemaError {
    return new OutboxSchemaError(
      `The outbox has no tables yet (${this.#t('outbox_lanes')}). Call store.migrate() in a deployment step, or leave migrate: true.`,
      { cause },
    );
  }
}

/** In the order of the parameters of both insert statements. */
const COLUMNS: readonly ((message: NewMessage, lanes: number) => unknown)[] = [
  ({ key, messageId }, lanes) => laneOf(key ?? messageId, lanes),
  ({ messageId }) => messageId,
  ({ type }) => type,
  ({ key }) => key,
  ({ exchange }) => exchange,
  ({ routingKey }) => routingKey,
  ({ contentType }) => contentType,
  ({ headers }) => headers,
  ({ occurredAt }) => occurredAt,
  ({ payload }) => (typeof payload === 'string' ? payload : null),
  ({ payload }) => (typeof payload === 'string' ? null : payload),
];

const TABLES = { pending: 'outbox_messages', waiting: 'outbox_waiting' } as const;
const UNDEFINED_TABLE = '42P01';

function lanesAndTokens(held: readonly HeldLane[]): [number[], number[]] {
  return [held.map(({ lane }) => lane), held.map(({ token }) => token)];
}

function isExecutor(value: unknown): value is SqlExecutor {
  return (
    typeof value === 'object' &&
    value !== null &&
    'dialect' in value &&
    typeof (value as Partial<SqlExecutor>).query === 'function'
  );
}
