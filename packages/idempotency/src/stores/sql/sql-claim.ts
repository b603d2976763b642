import type { SqlExecutor, SqlResult } from '@acme/nest-transaction';
import type { Claim, ClaimRequest } from '../../core/store.js';
import type { Answers, Found, Hold, SqlStatements } from './sql-statements.js';

type ClaimStatements = Pick<
  SqlStatements,
  'opening' | 'insertOne' | 'insert' | 'lookup' | 'takeOver'
>;

/** As for many. `opened` is what the opening statement has answered, where it was carried out. */
export async function claimOne(
  statements: ClaimStatements,
  sql: SqlExecutor,
  request: ClaimRequest,
  hold: Hold,
  opened?: SqlResult,
): Promise<Claim> {
  const answer =
    opened && statements.opening
      ? statements.opening.answer(opened)
      : await statements.insertOne(sql, request, hold);
  if (answer) return answer;
  const [claim] = await claimKnown(statements, sql, [request], hold, new Map());
  return claim!;
}

/** New keys cost one statement, duplicates one more where the first did not tell, and the few that were left behind a third. */
export async function claimAll(
  statements: ClaimStatements,
  sql: SqlExecutor,
  requests: readonly ClaimRequest[],
  hold: Hold,
): Promise<Claim[]> {
  return claimKnown(statements, sql, requests, hold, await statements.insert(sql, requests, hold));
}

async function claimKnown(
  statements: ClaimStatements,
  sql: SqlExecutor,
  requests: readonly ClaimRequest[],
  hold: Hold,
  answered: Answers,
): Promise<Claim[]> {
  const known = requests.filter(({ id }) => !answered.has(id));
  const found = await lookup(statements, sql, known);
  const free = known.filter(({ id }) => found.get(id)?.state === 'free');
  const takenOver: Answers =
    free.length > 0 ? await statements.takeOver(sql, free, hold) : new Map();
  return requests.map(
    ({ id }) => answered.get(id) ?? takenOver.get(id) ?? toClaim(found.get(id), hold),
  );
}

/** Not there to be seen: the one who runs has not committed. Free and not taken over: somebody else was quicker. */
export function toClaim(found: Found | undefined, { lease }: Hold): Claim {
  if (!found || found.state === 'free') return RUNNING_UNSEEN;
  const { state, fingerprint, outcome, token, fence, attempt } = found;
  if (state === 'done') return { state, fingerprint, outcome };
  return lease && token === lease.token
    ? { state: 'claimed', fence, attempt }
    : { state, fingerprint };
}

/** Somebody runs it in a transaction that cannot be looked into. */
export const RUNNING_UNSEEN: Claim = { state: 'running', fingerprint: undefined };

async function lookup(
  statements: ClaimStatements,
  sql: SqlExecutor,
  requests: readonly ClaimRequest[],
): Promise<ReadonlyMap<string, Found>> {
  if (requests.length === 0) return new Map();
  const ids = requests.map(({ id }) => id);
  return new Map((await statements.lookup(sql, ids)).map((one) => [one.id, one]));
}
