import type { SqlExecutor } from '@acme/nest-transaction';
import type {
  OutboxStatus,
  ParkedFilter,
  ParkedMessage,
  PublishedFilter,
  PublishedMessage,
} from '../../contracts/messages.js';
import type { OutboxExamination, TablesVersion } from '../../contracts/examination.js';
import type { OutboxOperations, Redriven } from '../../contracts/outbox-store.js';
import {
  parkedFromRow,
  publishedFromRow,
  redrivenFromRow,
  type Bigint,
  type MessageRow,
  type ParkedRow,
} from '../sql/message-row.js';
import { statusFromRow, type StatusRow } from '../sql/status-row.js';
import { examine, tablesVersion } from './postgres.examination.js';
import * as statements from './postgres.operations.sql.js';
import type { TableName } from '../sql/tables.js';

export class PostgresOutboxOperations implements OutboxOperations {
  constructor(
    private readonly sql: SqlExecutor,
    private readonly t: TableName,
    readonly add: OutboxOperations['add'],
  ) {}

  async purge(olderThanMs: number, limit: number): Promise<number> {
    const { rowCount } = await this.sql.query(statements.purge(this.t), [olderThanMs, limit]);
    return rowCount;
  }

  async status(): Promise<OutboxStatus> {
    const { rows } = await this.sql.query<StatusRow>(statements.status(this.t));
    return statusFromRow(rows[0] as StatusRow);
  }

  async parked(filter: ParkedFilter, limit: number): Promise<ParkedMessage[]> {
    const { rows } = await this.sql.query<ParkedRow>(statements.parked(this.t), [
      ...chosen(filter),
      limit,
    ]);
    return rows.map(parkedFromRow);
  }

  async redrive(filter: ParkedFilter, limit: number, afterSeq?: number): Promise<Redriven> {
    const { rows } = await this.sql.query<{ count: number; last: Bigint | null }>(
      statements.redrive(this.t),
      [...chosen(filter), limit, afterSeq],
    );
    return redrivenFromRow(rows[0]);
  }

  async discard(filter: ParkedFilter, limit: number): Promise<number> {
    return this.counted(statements.discard(this.t), [...chosen(filter), limit]);
  }

  async published(
    { type, key, from, to }: PublishedFilter,
    afterSeq: number | undefined,
    limit: number,
  ): Promise<PublishedMessage[]> {
    const { rows } = await this.sql.query<MessageRow>(statements.readPublished(this.t), [
      type,
      key,
      from,
      to,
      afterSeq,
      limit,
    ]);
    return rows.map(publishedFromRow);
  }

  version(): Promise<TablesVersion> {
    return tablesVersion(this.sql, this.t);
  }

  examine(patienceMs: number): Promise<OutboxExamination> {
    return examine(this.sql, this.t, patienceMs);
  }

  private async counted(statement: string, params: readonly unknown[]): Promise<number> {
    const { rows } = await this.sql.query<{ count: number }>(statement, params);
    return rows[0]?.count ?? 0;
  }
}

function chosen({ messageIds, type, key, reason }: ParkedFilter): unknown[] {
  return [messageIds, type, key, reason];
}
