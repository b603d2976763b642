import { defineBenchmark } from '../benchmark.js';
import { correctness } from './idempotency/correctness.js';
import { firstAndReplay } from './idempotency/first-and-replay.js';
import { onGround } from './idempotency/ground.js';
import { memoryOverhead } from './idempotency/memory-overhead.js';
import { postgresStatements } from './idempotency/postgres-statements.js';
import { redisCommands } from './idempotency/redis-commands.js';
import { redisFirstVsRaw } from './idempotency/redis-raw.js';
import { figures, type Key } from './idempotency/report.js';
import { vsNodeIdempotency } from './idempotency/vs-node-idempotency.js';
import { vsPowertools } from './idempotency/vs-powertools.js';
import { vsSnippet } from './idempotency/vs-snippet.js';

/** What one effect per key costs, and who really gives it. */
export const idempotency = defineBenchmark<Key>({
  name: 'idempotency',
  title: 'What @acme/nest-idempotency costs and gets right, beside its peers and the raw limit',
  services: ['postgres', 'redis'],
  figures,
  bars: {
    redisCommandsFirst: { atMost: 2 },
    redisCommandsReplay: { atMost: 1 },
    pgTxExtraStatementsVoid: { atMost: 1 },
    pgTxExtraStatementsReply: { atMost: 2 },
    pgTxExtraCommits: { atMost: 0 },
    redisFirstVsRaw: { atMost: 1.25 },
    pgTxVsSnippet: { atMost: 0.5 },
    pgTxReplyVsSnippet: { atMost: 0.8 },
    vsNodeIdempotencyFirst: { atMost: 1.05 },
    vsPowertoolsFirst: { below: 1 },
  },
  versionsOf: [
    '@acme/nest-idempotency',
    '@nestjs/core',
    'ioredis',
    'pg',
    '@node-idempotency/nestjs',
    '@aws-lambda-powertools/idempotency',
    '@redis/client',
    'express-idempotency',
  ],
  run: (run) =>
    onGround(run.env, async (ground) => {
      const step = async (what: string, measure: () => Promise<void>): Promise<void> => {
        run.progress(what);
        await measure();
      };
      await step('commands and statements', () => redisCommands(run, ground));
      await postgresStatements(run, ground);
      await step('beside bare scripts', () => redisFirstVsRaw(run, ground));
      await step('beside the snippet', () => vsSnippet(run, ground));
      await step('beside node-idempotency', () => vsNodeIdempotency(run, ground));
      await step('beside powertools', () => vsPowertools(run, ground));
      await step('in memory', () => memoryOverhead(run));
      await step('first calls and replays', () => firstAndReplay(run, ground));
      await step('correctness', () => correctness(run, ground));
    }),
});
