import { alternate } from '../../measure/alternate.js';
import { median } from '../../measure/statistics.js';
import type { Ground } from './ground.js';
import { CONCURRENT, loadOf } from './loads.js';
import { inPostgres } from './our-service.js';
import { bareCall, claimByHand, ourCalls, snippetCall } from './postgres-calls.js';
import { latencyRow, type Run } from './report.js';

/** What a first call adds to the business transaction: ours beside the seed document's snippet, both unprepared. */
export async function vsSnippet(run: Run, ground: Ground): Promise<void> {
  const pool = ground.openPool();
  const ours = await inPostgres(pool, ground.schema);
  const { silent, replying } = ourCalls(ours);
  const [bare, byHand, snippet] = [bareCall(pool), claimByHand(pool), snippetCall(pool)];
  const subjects = {
    bare: (i: number) => bare(`pg-${i}`),
    byHand: (i: number) => byHand(`pg-${i}`),
    snippet: (i: number) => snippet(`pg-${i}`),
    silent: (i: number) => silent(`pg-${i}`),
    replying: (i: number) => replying(`pg-${i}`),
  };
  try {
    for (const concurrent of CONCURRENT) {
      const samples = await alternate(subjects, loadOf(concurrent, run.quick));
      const added = (who: keyof typeof subjects) => median(samples[who]) - median(samples.bare);
      const ratio = (who: keyof typeof subjects) => ({
        ratio: added(who) / added('snippet'),
        over: 'snippet, both beyond bare',
      });
      if (concurrent === 1) {
        run.figure('pgTxVsSnippet', ratio('silent').ratio);
        run.figure('pgTxReplyVsSnippet', ratio('replying').ratio);
      }
      latencyRow(run, 'bare PostgreSQL transaction', concurrent, samples.bare);
      latencyRow(run, 'seed snippet, first', concurrent, samples.snippet);
      latencyRow(
        run,
        'one claim statement by hand, first',
        concurrent,
        samples.byHand,
        ratio('byHand'),
      );
      latencyRow(
        run,
        'ours, PostgreSQL, no reply, first',
        concurrent,
        samples.silent,
        ratio('silent'),
      );
      latencyRow(run, 'ours, PostgreSQL, first', concurrent, samples.replying, ratio('replying'));
    }
  } finally {
    await ours.close();
    await pool.end();
  }
}
