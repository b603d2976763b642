import { sqlStateOf, type SqlExecutor } from '@acme/nest-transaction';
import type { NewMessage, StoredEntry, StoredMessage } from '../../contracts/messages.js';
import {
  OutboxStore,
  type ClaimedLane,
  type EntryRules,
  type HeldLane,
  type Promoted,
  type ReadOptions,
  type Tended,
  type WaitingRead,
} from '../../contracts/outbox-store.js';
import type { SqlOutboxStore } from '../../contracts/sql-outbox-store.js';
import { gapsBetween } from '../../core/gaps.js';
import type { HeldBack, Parked } from '../../core/settle-plan.js';
import type { WakeUps } from '../../contracts/wake-ups.js';
import { PostgresWakeUps } from '../../wakeup/postgres-wake-ups.js';
import { entryOf, fromRow, type EntryRow, type MessageRow } from '../sql/message-row.js';
import { dueColumns, messageColumns, messageValues } from '../sql/message-columns.js';
import { lanesAndTokens } from '../sql/lanes-and-tokens.js';
import { isMigrated } from '../sql/is-migrated.js';
import { lanesDiffer, tablesMissing } from '../sql/schema-errors.js';
import { TABLES, type Place, type TableName } from '../sql/tables.js';
import * as entry from './postgres.entry.sql.js';
import * as lane from './postgres.lanes.sql.js';
import * as relay from './postgres.relay.sql.js';
import { CONTENT_COLUMNS } from './postgres.columns.js';
import { databaseOf, type PostgresOutboxStoreOptions } from './postgres.options.js';
import { PostgresOutboxOperations } from './postgres.operations.js';
import { migrationSql } from './postgres.schema.js';

const DEFAULT_LANES = 16;

/** The outbox in PostgreSQL 12 or later. */
export class PostgresOutboxStore extends OutboxStore implements SqlOutboxStore {
  readonly label = 'PostgreSQL';
  readonly #db: SqlExecutor;
  readonly #t: TableName;
  readonly #migrate: boolean;
  /** By the columns that are set, one bit for each. */
  readonly #insertOne = new Map<number, string>();
  readonly #wakeUps: WakeUps | undefined;
  readonly operations: PostgresOutboxOperations;
  #lanes = 0;

  /** @throws {OutboxConfigurationError} when the options make no store */
  constructor(options: PostgresOutboxStoreOptions) {
    super();
    this.#db = databaseOf(options);
    const { schema, migrate = true, listen } = options;
    this.#t = (name) => (schema === undefined ? name : `"${schema}".${name}`);
    this.#migrate = migrate;
    this.operations = new PostgresOutboxOperations(this.#db, this.#t, (messages, rules) =>
      this.insert(this.#db, messages, rules),
    );
    this.#wakeUps = listen && new PostgresWakeUps(this.#db, () => this.#schema(), listen);
  }

  get lanes(): number {
    return this.#lanes;
  }

  /** Creates or upgrades the tables. Any number of processes may call it at once. */
  async migrate(lanes = DEFAULT_LANES): Promise<void> {
    await this.#db.query(migrationSql(this.#t, lanes));
  }

  migrationSql(lanes = DEFAULT_LANES): string {
    return `${migrationSql(this.#t, lanes)};\n`;
  }

  /** For `psql`. */
  migrationScript(lanes?: number): string {
    return this.migrationSql(lanes);
  }

  async prepare(lanes: number | undefined): Promise<void> {
    if (this.#migrate && !(await isMigrated(this.operations))) await this.migrate(lanes);
    const count = await this.#countLanes();
    if (lanes !== undefined && lanes !== count)
      throw lanesDiffer(lanes, count, this.#t('outbox_lanes'));
    this.#lanes = count;
  }

  override wakeUps(): WakeUps | undefined {
    return this.#wakeUps;
  }

  override async whereabouts(): Promise<string> {
    const { rows } = await this.#db.query(lane.whereabouts(this.#t));
    return JSON.stringify(rows[0]);
  }

  insert(
    executor: SqlExecutor,
    messages: readonly NewMessage[],
    rules: EntryRules,
  ): Promise<unknown> {
    const delayed = messages.some(({ due }) => due !== null);
    const [only] = messages;
    if (only && messages.length === 1 && !delayed && !rules.strictOrder && !rules.sequence)
      return this.#insertMessage(executor, only);
    const columns = messageColumns(messages, this.#lanes);
    const statement = entry.insertMessages(this.#t, rules, delayed);
    return executor.query(statement, [...columns, ...dueColumns(messages)]);
  }

  #insertMessage(executor: SqlExecutor, message: NewMessage): Promise<unknown> {
    const values = messageValues(message, this.#lanes);
    const isSet = (_: unknown, at: number): boolean => values[at] !== null;
    const shape = values.reduce<number>(
      (bits, value, at) => bits | (Number(value !== null) << at),
      0,
    );
    let statement = this.#insertOne.get(shape);
    if (statement === undefined) {
      statement = entry.insertMessage(this.#t, CONTENT_COLUMNS.filter(isSet));
      this.#insertOne.set(shape, statement);
    }
    return executor.query(statement, values.filter(isSet));
  }

  async promote(limit: number, rules: EntryRules): Promise<Promoted> {
    const { rows } = await this.#db.query<{
      moved: number;
      skipped: number;
      next_in_ms: number | null;
    }>(entry.promoteDelayed(this.#t, rules), [limit]);
    const { moved = 0, skipped = 0, next_in_ms } = rows[0] ?? {};
    return { moved, skipped, nextInMs: next_in_ms ?? undefined };
  }

  async tend(owner: string, held: readonly HeldLane[], leaseMs: number): Promise<Tended> {
    const { rows } = await this.#db.query<{ relays: number; renewed: string | null }>(
      lane.tendLanes(this.#t),
      [owner, leaseMs, ...lanesAndTokens(held)],
    );
    const { relays = 1, renewed } = rows[0] ?? {};
    return { relays, renewed: renewed ? renewed.split(',').map(Number) : [] };
  }

  async claim(
    owner: string,
    held: readonly HeldLane[],
    limit: number,
    leaseMs: number,
  ): Promise<ClaimedLane[]> {
    const { rows } = await this.#db.query<{ lane: number; token: string; taken_over: boolean }>(
      lane.claimLanes(this.#t),
      [owner, limit, leaseMs, held.map((one) => one.lane)],
    );
    return rows.map((row) => ({
      lane: row.lane,
      token: Number(row.token),
      takenOver: row.taken_over,
    }));
  }

  async release(held: readonly HeldLane[]): Promise<void> {
    await this.#db.query(lane.releaseLanes(this.#t), lanesAndTokens(held));
  }

  async leave(owner: string): Promise<void> {
    await this.#db.query(lane.leave(this.#t), [owner]);
  }

  async readPending(
    lanes: readonly number[],
    except: readonly number[],
    limit: number,
    { aged = false, exceptKeys = [] }: ReadOptions = {},
  ): Promise<StoredMessage[]> {
    const { after, before } = gapsBetween(except);
    const withoutKeys = exceptKeys.length > 0;
    const statement = relay.readPending(this.#t, aged, withoutKeys);
    const params = [lanes, after, before, limit, ...(withoutKeys ? [exceptKeys] : [])];
    const askedAt = performance.now();
    const { rows } = await this.#db.query<MessageRow>(statement, params);
    return rows.map((row) => fromRow(row, 'pending', askedAt));
  }

  async readBlocks(lanes: readonly number[]): Promise<{ block: string; lane: number }[]> {
    const { rows } = await this.#db.query<{ block: string; lane: number }>(
      relay.readBlocks(this.#t),
      [lanes],
    );
    return rows.map(({ block, lane }) => ({ block, lane }));
  }

  async readWaiting(
    lanes: readonly number[],
    except: readonly string[],
    limit: number,
  ): Promise<WaitingRead> {
    const askedAt = performance.now();
    const { rows } = await this.#db.query<MessageRow & { block: string }>(
      relay.readWaiting(this.#t),
      [lanes, except, limit],
    );
    return {
      messages: rows
        .filter(({ seq }) => seq !== null)
        .map((row) => fromRow(row, 'waiting', askedAt)),
      empty: rows.filter(({ seq }) => seq === null).map(({ block }) => block),
    };
  }

  async pendingEntries(
    lanes: readonly number[],
    limit: number,
    exceptKeys: readonly string[] = [],
  ): Promise<StoredEntry[]> {
    const params = [lanes, limit, exceptKeys];
    const { rows } = await this.#db.query<EntryRow>(relay.pendingEntries(this.#t), params);
    return rows.map((row) => entryOf(row, 'pending'));
  }

  async waitingEntries(lanes: readonly number[], limit: number): Promise<StoredEntry[]> {
    const { rows } = await this.#db.query<EntryRow>(relay.waitingEntries(this.#t), [lanes, limit]);
    return rows.map((row) => entryOf(row, 'waiting')).sort(bySeq);
  }

  async accuse(suspect: StoredEntry, held: readonly HeldLane[]): Promise<number | undefined> {
    const { rows } = await this.#db.query<{ lane: number; deaths: number }>(lane.accuse(this.#t), [
      suspect.lane,
      suspect.seq,
      ...lanesAndTokens(held),
    ]);
    return rows.find((row) => row.lane === suspect.lane)?.deaths;
  }

  async acquit(held: readonly HeldLane[]): Promise<void> {
    await this.#db.query(lane.acquit(this.#t), lanesAndTokens(held));
  }

  async readOne({ place, seq }: StoredEntry): Promise<StoredMessage | undefined> {
    const statement = place === 'waiting' ? relay.readOneWaiting : relay.readOnePending;
    const askedAt = performance.now();
    const { rows } = await this.#db.query<MessageRow>(statement(this.#t), [seq]);
    return rows[0] && fromRow(rows[0], place, askedAt);
  }

  async remove(
    place: Place,
    seqs: readonly number[],
    held: readonly HeldLane[],
    keep: boolean,
  ): Promise<number> {
    const statement = keep ? relay.keepMessages : relay.removeMessages;
    const { rowCount } = await this.#db.query(statement(this.#t, TABLES[place]), [
      seqs,
      ...lanesAndTokens(held),
    ]);
    return rowCount;
  }

  async divert(messages: readonly StoredEntry[], held: readonly HeldLane[]): Promise<void> {
    await this.#db.query(relay.divertMessages(this.#t), [
      messages.map(({ seq }) => seq),
      messages.map(({ block }) => block),
      ...lanesAndTokens(held),
    ]);
  }

  async holdBack(
    place: Place,
    entries: readonly HeldBack<StoredEntry>[],
    held: readonly HeldLane[],
  ): Promise<void> {
    const statement = place === 'waiting' ? relay.holdWaiting(this.#t) : relay.holdPending(this.#t);
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
    place: Place,
    entries: readonly Parked<StoredEntry>[],
    held: readonly HeldLane[],
    blockKey: boolean,
  ): Promise<void> {
    await this.#db.query(relay.parkMessages(this.#t, TABLES[place], blockKey), [
      entries.map(({ row }) => row.seq),
      entries.map(({ attempts }) => attempts),
      entries.map(({ reason }) => reason.code),
      entries.map(({ reason }) => reason.message),
      entries.map(({ history }) => JSON.stringify(history)),
      ...lanesAndTokens(held),
    ]);
  }

  async unblock(blocks: readonly string[], held: readonly HeldLane[]): Promise<string[]> {
    const { rows } = await this.#db.query<{ block: string }>(relay.unblock(this.#t), [
      blocks,
      ...lanesAndTokens(held),
    ]);
    return rows.map(({ block }) => block);
  }

  async heal(): Promise<void> {
    await this.#db.query(relay.heal(this.#t));
  }

  /** Where the search path has led to. */
  async #schema(): Promise<string> {
    const { rows } = await this.#db.query<{ schema: string }>(lane.whereabouts(this.#t));
    return (rows[0] as { schema: string }).schema;
  }

  async #countLanes(): Promise<number> {
    const table = this.#t('outbox_lanes');
    const found = await this.#db
      .query<{ lanes: number }>(lane.countLanes(this.#t))
      .catch((error: unknown) => {
        if (sqlStateOf(error) !== UNDEFINED_TABLE) throw error;
        throw tablesMissing(table, error);
      });
    const count = found.rows[0]?.lanes ?? 0;
    if (count === 0) throw tablesMissing(table, undefined);
    return count;
  }
}

const UNDEFINED_TABLE = '42P01';

const bySeq = (one: StoredEntry, other: StoredEntry): number => one.seq - other.seq;
