import { mysqlErrnoOf, type SqlExecutor } from '@acme/nest-transaction';
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
import type { HeldBack, Parked } from '../../core/settle-plan.js';
import { OutboxConfigurationError } from '../../outbox.errors.js';
import { entryOf, fromRow, type EntryRow, type MessageRow } from '../sql/message-row.js';
import { isMigrated } from '../sql/is-migrated.js';
import { lanesDiffer, tablesMissing } from '../sql/schema-errors.js';
import { TABLES, type Place, type TableName } from '../sql/tables.js';
import { MariaDbDatabase } from './mariadb.database.js';
import * as entry from './mariadb.entry.sql.js';
import { addAtOnce, insertInto, type Entrance } from './mariadb.insert.js';
import * as lane from './mariadb.lanes.sql.js';
import { MariaDbOutboxOperations } from './mariadb.operations.js';
import { databaseOf, type MariaDbOutboxStoreOptions } from './mariadb.options.js';
import { proofs } from './mariadb.proofs.js';
import * as read from './mariadb.read.sql.js';
import * as relay from './mariadb.relay.sql.js';
import { migrationSql, namesOf, type MariaDbNames } from './mariadb.schema.js';
import { maxPacketOf, problemsOfServer } from './mariadb.server.js';
import { json } from './mariadb.text.js';

const DEFAULT_LANES = 16;

/**
 * The outbox in MariaDB 10.6 or later, in InnoDB. On a Galera cluster every process has to use the same node: nodes neither
 * see one another's locks nor number messages in one order.
 */
export class MariaDbOutboxStore extends OutboxStore implements SqlOutboxStore {
  readonly label = 'MariaDB';
  readonly #db: MariaDbDatabase;
  readonly #names: MariaDbNames;
  readonly #t: TableName;
  readonly #migrate: boolean;
  readonly operations: MariaDbOutboxOperations;
  #lanes = 0;
  #maxPacket = 0;

  /** @throws {OutboxConfigurationError} when the options make no store */
  constructor(options: MariaDbOutboxStoreOptions) {
    super();
    this.#db = new MariaDbDatabase(databaseOf(options));
    this.#names = namesOf(options.schema);
    this.#t = this.#names.table;
    this.#migrate = options.migrate ?? true;
    this.operations = new MariaDbOutboxOperations(this.#db, this.#names, (messages, rules) =>
      addAtOnce(this.#db, messages, this.#entrance(rules)),
    );
  }

  get lanes(): number {
    return this.#lanes;
  }

  /**
   * Creates or upgrades the tables. Any number of processes may call it at once.
   *
   * @throws {OutboxConfigurationError} on a server that cannot keep the outbox
   */
  async migrate(lanes = DEFAULT_LANES): Promise<void> {
    await this.#checkServer();
    await this.#db.sql.query(migrationSql(this.#names, lanes));
  }

  migrationSql(lanes = DEFAULT_LANES): string {
    return migrationSql(this.#names, lanes);
  }

  /** For `mariadb`, which has to be told where a statement ends that has others in it. */
  migrationScript(lanes?: number): string {
    return `delimiter //\n${this.migrationSql(lanes)}\n//\ndelimiter ;\n`;
  }

  /** @throws {OutboxConfigurationError} on a server that cannot keep the outbox */
  async prepare(lanes: number | undefined): Promise<void> {
    await this.#checkServer();
    if (this.#migrate && !(await isMigrated(this.operations))) await this.migrate(lanes);
    const count = await this.#countLanes();
    if (lanes !== undefined && lanes !== count)
      throw lanesDiffer(lanes, count, this.#t('outbox_lanes'));
    this.#maxPacket = await maxPacketOf(this.#db.sql);
    this.#lanes = count;
  }

  override async whereabouts(): Promise<string> {
    const [row] = await this.#db.rows<object>(lane.whereabouts(this.#t, this.#names.schema));
    return JSON.stringify(Object.entries(row ?? {}).map(([name, value]) => [name, String(value)]));
  }

  /**
   * In one statement; in several where that would be longer than the server takes (`max_allowed_packet`).
   *
   * @throws {OutboxMessageInvalidError} for a time that MariaDB does not have
   */
  async insert(
    executor: SqlExecutor,
    messages: readonly NewMessage[],
    rules: EntryRules,
  ): Promise<void> {
    await insertInto(executor, messages, this.#entrance(rules));
  }

  async promote(limit: number, rules: EntryRules): Promise<Promoted> {
    const [row] = await this.#db.rows<{ moved: unknown; skipped: unknown; next_in_ms: unknown }>(
      entry.promoteDelayed(this.#t, rules, Math.floor(limit)),
    );
    const { moved = 0, skipped = 0, next_in_ms: next = null } = row ?? {};
    const nextInMs = next === null ? undefined : Number(next);
    return { moved: Number(moved), skipped: Number(skipped), nextInMs };
  }

  async tend(owner: string, held: readonly HeldLane[], leaseMs: number): Promise<Tended> {
    const [row] = await this.#db.rows<{ relays: unknown; renewed: string | null }>(
      lane.tendLanes(this.#t),
      [owner, leaseMs, proofs(held)],
    );
    const { relays = 1, renewed } = row ?? {};
    return { relays: Number(relays), renewed: renewed ? renewed.split(',').map(Number) : [] };
  }

  async claim(
    owner: string,
    held: readonly HeldLane[],
    limit: number,
    leaseMs: number,
  ): Promise<ClaimedLane[]> {
    const rows = await this.#db.rows<{ lane: number; token: string; taken_over: unknown }>(
      lane.claimLanes(this.#t, Math.floor(limit)),
      [owner, leaseMs, held.map((one) => one.lane).join()],
    );
    return rows.map((row) => ({
      lane: row.lane,
      token: Number(row.token),
      takenOver: Number(row.taken_over) === 1,
    }));
  }

  async release(held: readonly HeldLane[]): Promise<void> {
    await this.#db.run(lane.releaseLanes(this.#t), [proofs(held)]);
  }

  async leave(owner: string): Promise<void> {
    await this.#db.run(lane.leave(this.#t), [owner]);
  }

  async readPending(
    lanes: readonly number[],
    except: readonly number[],
    limit: number,
    { aged = false, exceptKeys = [] }: ReadOptions = {},
  ): Promise<StoredMessage[]> {
    const keys = exceptKeys.length > 0 ? [json(exceptKeys)] : [];
    const statement = read.readPending(this.#t, aged, keys.length > 0);
    const askedAt = performance.now();
    const rows = await this.#db.rows<MessageRow>(statement, [
      ...[lanes.join(), json(except)],
      ...keys,
      limit,
    ]);
    return rows.map((row) => fromRow(row, 'pending', askedAt));
  }

  async readBlocks(lanes: readonly number[]): Promise<{ block: string; lane: number }[]> {
    const rows = await this.#db.rows<{ block: string; lane: number }>(read.readBlocks(this.#t), [
      lanes.join(),
    ]);
    return rows.map((row) => ({ block: row.block, lane: row.lane }));
  }

  /** Two statements: what becomes due, or is settled, between the two only shows a moment earlier or later. */
  async readWaiting(
    lanes: readonly number[],
    except: readonly string[],
    limit: number,
  ): Promise<WaitingRead> {
    const blocks = await this.#dueBlocks(lanes, except, limit);
    if (blocks.length === 0) return { messages: [], empty: [] };
    const askedAt = performance.now();
    const rows = await this.#db.rows<MessageRow & { block: string }>(
      read.readWaiting(this.#t, blocks.length),
      blocks,
    );
    const found = new Set(rows.map(({ block }) => block));
    return {
      messages: rows.map((row) => fromRow(row, 'waiting', askedAt)).sort(bySeq),
      empty: blocks.filter((block) => !found.has(block)),
    };
  }

  async pendingEntries(
    lanes: readonly number[],
    limit: number,
    exceptKeys: readonly string[] = [],
  ): Promise<StoredEntry[]> {
    const params = [lanes.join(), json(exceptKeys), limit];
    const rows = await this.#db.rows<EntryRow>(read.pendingEntries(this.#t), params);
    return rows.map((row) => entryOf(row, 'pending'));
  }

  async waitingEntries(lanes: readonly number[], limit: number): Promise<StoredEntry[]> {
    const blocks = await this.#dueBlocks(lanes, [], limit);
    const waiting: StoredEntry[] = [];
    while (blocks.length > 0 && waiting.length < limit) {
      const some = blocks.splice(0, BLOCKS_AT_ONCE);
      const rows = await this.#db.rows<EntryRow>(read.waitingEntries(this.#t, some.length), some);
      waiting.push(...rows.map((row) => entryOf(row, 'waiting')));
    }
    return waiting.sort(bySeq);
  }

  async accuse(suspect: StoredEntry, held: readonly HeldLane[]): Promise<number | undefined> {
    const [row] = await this.#db.rows<{ deaths: unknown }>(lane.accuse(this.#t), [
      json([suspect.lane, suspect.seq]),
      proofs(held),
    ]);
    return row && Number(row.deaths);
  }

  async acquit(held: readonly HeldLane[]): Promise<void> {
    await this.#db.run(lane.acquit(this.#t), [proofs(held)]);
  }

  async readOne({ place, seq }: StoredEntry): Promise<StoredMessage | undefined> {
    const statement = place === 'waiting' ? read.readOneWaiting : read.readOnePending;
    const askedAt = performance.now();
    const [row] = await this.#db.rows<MessageRow>(statement(this.#t), [seq]);
    return row && fromRow(row, place, askedAt);
  }

  async remove(
    place: Place,
    seqs: readonly number[],
    held: readonly HeldLane[],
    keep: boolean,
  ): Promise<number> {
    const statement = keep ? relay.keepMessages : relay.removeMessages;
    const [row] = await this.#fenced<{ removed: unknown }>(
      statement(this.#t, TABLES[place]),
      seqs.map((seq) => [seq]),
      held,
    );
    return Number(row?.removed ?? 0);
  }

  async divert(messages: readonly StoredEntry[], held: readonly HeldLane[]): Promise<void> {
    const given = messages.map(({ seq, block }) => [seq, block]);
    await this.#fenced(relay.divertMessages(this.#t), given, held);
  }

  async holdBack(
    place: Place,
    entries: readonly HeldBack<StoredEntry>[],
    held: readonly HeldLane[],
  ): Promise<void> {
    const statement = place === 'waiting' ? relay.holdWaiting(this.#t) : relay.holdPending(this.#t);
    const given = entries.map(({ row, attempts, tries, history, delayMs }) => [
      ...[row.seq, row.block, attempts, tries],
      ...[JSON.stringify(history), delayMs],
    ]);
    await this.#fenced(statement, given, held);
  }

  async park(
    place: Place,
    entries: readonly Parked<StoredEntry>[],
    held: readonly HeldLane[],
    blockKey: boolean,
  ): Promise<void> {
    const given = entries.map(({ row, attempts, reason, history }) => [
      ...[row.seq, attempts],
      ...[reason.code, reason.message, JSON.stringify(history)],
    ]);
    await this.#fenced(relay.parkMessages(this.#t, TABLES[place], blockKey), given, held);
  }

  async unblock(blocks: readonly string[], held: readonly HeldLane[]): Promise<string[]> {
    const given = blocks.map((block) => [block]);
    const rows = await this.#fenced<{ block: string }>(relay.unblock(this.#t), given, held);
    return rows.map(({ block }) => block);
  }

  async heal(): Promise<void> {
    const orphans = await this.#db.rows<{ block: string }>(read.readOrphans(this.#t), [
      HEALED_AT_ONCE,
    ]);
    if (orphans.length === 0) return;
    await this.#db.run(relay.heal(this.#t), [json(orphans.map(({ block }) => [block]))]);
  }

  #fenced<Row>(
    statement: string,
    given: readonly (readonly unknown[])[],
    held: readonly HeldLane[],
  ): Promise<Row[]> {
    return this.#db.rows<Row>(statement, [json(given), proofs(held)]);
  }

  async #dueBlocks(
    lanes: readonly number[],
    except: readonly string[],
    limit: number,
  ): Promise<string[]> {
    const params = [lanes.join(), json(except), limit];
    const due = await this.#db.rows<{ block: string }>(read.readDue(this.#t), params);
    return due.map(({ block }) => block);
  }

  #entrance(rules: EntryRules): Entrance {
    return { t: this.#t, lanes: this.#lanes, rules, maxPacket: this.#maxPacket };
  }

  async #checkServer(): Promise<void> {
    const problems = await problemsOfServer(this.#db.sql);
    if (problems.length === 0) return;
    throw new OutboxConfigurationError(
      problems.map(({ option, what, remedy }) => `${option}: ${what} ${remedy}`),
    );
  }

  async #countLanes(): Promise<number> {
    const found = await this.#db.sql
      .query<{ lanes: unknown }>(lane.countLanes(this.#t))
      .catch((error: unknown) => {
        if (mysqlErrnoOf(error) !== NO_SUCH_TABLE) throw error;
        throw tablesMissing(this.#t('outbox_lanes'), error);
      });
    const count = Number(found.rows[0]?.lanes ?? 0);
    if (count === 0) throw tablesMissing(this.#t('outbox_lanes'), undefined);
    return count;
  }
}

const NO_SUCH_TABLE = 1146;
/** Each is a query of its own within the statement. */
const BLOCKS_AT_ONCE = 100;
const HEALED_AT_ONCE = 1_000;

const bySeq = (one: StoredEntry, other: StoredEntry): number => one.seq - other.seq;
