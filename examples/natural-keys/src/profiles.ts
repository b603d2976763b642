import type { ClientBase } from 'pg';

export interface UserRenamed {
  readonly userId: string;
  readonly name: string;
  /** Counts the changes of this user, at the producer. */
  readonly version: number;
}

// #region table
export const profileTable = `
  create table profile (
    user_id text primary key,
    name text not null,
    version integer not null
  )`;
// #endregion

// #region upsert
/** Keeps the newest state. Repeated and late events change nothing. Returns whether this one was news. */
export async function applyRename(client: ClientBase, event: UserRenamed): Promise<boolean> {
  const { rowCount } = await client.query(
    `insert into profile (user_id, name, version) values ($1, $2, $3)
     on conflict (user_id) do update
       set name = excluded.name, version = excluded.version
       where profile.version < excluded.version`,
    [event.userId, event.name, event.version],
  );
  return rowCount === 1;
}
// #endregion
