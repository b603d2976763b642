import { mysqlErrnoOf } from '@acme/nest-transaction';
import type {
  OutboxStatus,
  ParkedFilter,
  ParkedMessage,
  PublishedFilter,
  PublishedMessage,
} from '../../contracts/messages.js';
import type { OutboxExamination, TablesVersion } from '../../contracts/examination.js';
import type { OutboxOperations, Redriven } from '../../contracts/outbox-store.js';
import { TABLES_VERSION, type MariaDbNames } from './mariadb.schema.js';
import {
  parkedFromRow,
  publishedFromRow,
  redrivenFromRow,
  type Bigint,
  type MessageRow,
  type ParkedRow,
} from '../sql/message-row.js';
import { statusFromRow, type StatusRow } from '../sql/status-row.js';
import type { TableName } from '../sql/tables.js';
import type { MariaDbDatabase } from './mariadb.database.js';
import { examine } from './mariadb.examination.js';
import * as statements from './mariadb.operations.sql.js';
import { json } from './mariadb.text.js';

export class MariaDbOutboxOperations implements OutboxOperations {
  private readonly t: TableName;

  constructor(
    private readonly database: MariaDbDatabase,
    private readonly names: MariaDbNames,
    readonly add: OutboxOperations['add'],
  ) {
    this.t = names.table;
  }

  async status(): Promise<OutboxStatus> {
    const [row] = await this.database.rows<StatusRow>(statements.status(this.t));
    return statusFromRow(row as StatusRow);
  }

  async version(): Promise<TablesVersion> {
    try {
      const [row] = await this.database.rows<{ version: unknown }>(statements.version(this.t));
      return { found: Number(row?.version ?? 0), needed: TABLES_VERSION };
    } catch (error) {
      if (mysqlErrnoOf(error) !== NO_SUCH_TABLE) throw error;
      return { found: 0, needed: TABLES_VERSION };
    }
  }

  async parked(filter: ParkedFilter, limit: number): Promise<ParkedMessage[]> {
    const statement = statements.parked(this.t, Math.floor(limit));
    const rows = await this.database.rows<ParkedRow>(statement, chosen(filter));
    return rows.map(parkedFromRow);
  }

  async redrive(filter: ParkedFilter, limit: number, afterSeq?: number): Promise<Redriven> {
    const [row] = await this.database.rows<{ count: Bigint; last: Bigint | null }>(
      statements.redrive(this.t, Math.floor(limit)),
      [...chosen(filter), afterSeq ?? null],
    );
    return redrivenFromRow(row);
  }

  discard(filter: ParkedFilter, limit: number): Promise<number> {
    const statement = statements.discard(this.t, Math.floor(limit));
    return this.counted(statement, [...chosen(filter), null]);
  }

  async published(
    { type, key, from, to }: PublishedFilter,
    afterSeq: number | undefined,
    limit: number,
  ): Promise<PublishedMessage[]> {
    const rows = await this.database.rows<MessageRow>(
      statements.readPublished(this.t, Math.floor(limit)),
      [type, key, from, to, afterSeq].map((value) => value ?? null),
    );
    return rows.map(publishedFromRow);
  }

  purge(olderThanMs: number, limit: number): Promise<number> {
    return this.counted(statements.purge(this.t, Math.floor(limit)), [olderThanMs]);
  }

  examine(patienceMs: number): Promise<OutboxExamination> {
    return examine(this.database, this.names, patienceMs);
  }

  private async counted(statement: string, params: readonly unknown[]): Promise<number> {
    const [row] = await this.database.rows<{ count: unknown }>(statement, params);
    return Number(row?.count ?? 0);
  }
}

function chosen({ messageIds, type, key, reason }: ParkedFilter): unknown[] {
  return [messageIds && json(messageIds), type, key, reason].map((value) => value ?? null);
}

const NO_SUCH_TABLE = 1146;
