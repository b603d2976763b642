import type { StoredRecord } from '../../core/store.js';
import type { Found } from './sql-statements.js';

/** What is selected of a record that was claimed; numbers come as numbers or as text, by database and driver. */
export interface ClaimedRow {
  readonly id: string;
  readonly fence: unknown;
  readonly attempt: unknown;
}

/** What is selected of a record that keeps a key from being claimed. */
export interface FoundRow extends ClaimedRow {
  readonly state: StoredRecord['state'];
  readonly token: string | null;
  readonly fingerprint: string | null;
  readonly outcome: string | null;
}

/** What is selected for people; times in ms since 1970. */
export interface RecordRow extends Omit<FoundRow, 'id' | 'token'> {
  readonly name: string;
  readonly created: unknown;
  readonly expires: unknown;
  readonly locked: unknown;
}

export const claimOf = ({ fence, attempt }: Omit<ClaimedRow, 'id'>) =>
  ({ state: 'claimed', fence: Number(fence), attempt: Number(attempt) }) as const;

export const foundOf = (row: FoundRow): Found => ({
  id: row.id,
  state: row.state,
  token: row.token ?? undefined,
  fingerprint: row.fingerprint ?? undefined,
  outcome: row.outcome ?? undefined,
  fence: Number(row.fence),
  attempt: Number(row.attempt),
});

export const recordOf = (id: string, row: RecordRow): StoredRecord => ({
  id,
  name: row.name,
  state: row.state,
  fingerprint: row.fingerprint ?? undefined,
  outcome: row.outcome ?? undefined,
  fence: Number(row.fence),
  attempt: Number(row.attempt),
  createdAt: new Date(Number(row.created)),
  expiresAt: new Date(Number(row.expires)),
  lockedUntil:
    row.state === 'running' && row.locked !== null ? new Date(Number(row.locked)) : undefined,
});

export const bytesOf = (id: string): Buffer => Buffer.from(id, 'hex');
