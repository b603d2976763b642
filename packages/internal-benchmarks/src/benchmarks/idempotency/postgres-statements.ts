import type pg from 'pg';
import type { Ground } from './ground.js';
import { inPostgres } from './our-service.js';
import { bareCall, ourCalls, snippetCall } from './postgres-calls.js';
import { sentRow, type Run } from './report.js';

/** Counts what is sent to PostgreSQL for a first call beyond what the business transaction sends. */
export async function postgresStatements(run: Run, ground: Ground): Promise<void> {
  const pool = ground.openPool();
  const sent = recordStatements(pool);
  const ours = await inPostgres(pool, ground.schema);
  const { silent, replying } = ourCalls(ours);
  try {
    const bare = await sent(() => bareCall(pool)('bare'));
    const calls = {
      'seed snippet, first': await sent(() => snippetCall(pool)('snippet')),
      'ours, PostgreSQL, no reply, first': await sent(() => silent('silent')),
      'ours, PostgreSQL, first': await sent(() => replying('replying')),
      'ours, PostgreSQL, no reply, replay': await sent(() => silent('silent')),
      'ours, PostgreSQL, replay': await sent(() => replying('replying')),
    };
    for (const [who, messages] of Object.entries({
      'bare PostgreSQL transaction': bare,
      ...calls,
    })) {
      const statements = statementsIn(messages);
      sentRow(
        run,
        who,
        `${statements.length} statements in ${messages.length} messages, ${commitsIn(statements)} commits`,
      );
    }
    const mine = statementsIn(calls['ours, PostgreSQL, no reply, first']);
    const withReply = statementsIn(calls['ours, PostgreSQL, first']);
    run.figure('pgTxExtraStatementsVoid', mine.length - bare.length);
    run.figure('pgTxExtraStatementsReply', withReply.length - bare.length);
    const most = Math.max(commitsIn(mine), commitsIn(withReply));
    run.figure('pgTxExtraCommits', most - commitsIn(bare));
  } finally {
    await ours.close();
    await pool.end();
  }
}

/** A message may hold several. */
const statementsIn = (messages: readonly string[]): string[] =>
  messages.flatMap((message) => message.split(/;\s+/));

/** Sees the messages of every connection of the pool, whoever sends them. */
function recordStatements(pool: pg.Pool): (work: () => Promise<unknown>) => Promise<string[]> {
  let statements: string[] = [];
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      const [first] = args as [string | { text: string }];
      statements.push((typeof first === 'string' ? first : first.text).trim().toLowerCase());
      return query(...args);
    }) as typeof client.query;
  });
  return async (work) => {
    statements = [];
    await work();
    return statements;
  };
}

/** Every `commit`, and every statement that stands alone and so commits by itself. */
function commitsIn(statements: readonly string[]): number {
  let open = false;
  let commits = 0;
  for (const statement of statements) {
    if (statement.startsWith('begin')) open = true;
    else if (/^(commit|rollback)\b/.test(statement)) {
      commits += statement.startsWith('commit') ? 1 : 0;
      open = false;
    } else if (!open) commits += 1;
  }
  return commits;
}
