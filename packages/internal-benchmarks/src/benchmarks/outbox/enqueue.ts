import { randomUUID } from 'node:crypto';
import { alternate } from '../../measure/alternate.js';
import { median, percentile } from '../../measure/statistics.js';
import type { Ground } from './ground.js';
import type { Loads } from './loads.js';
import { bodyOf, TYPE } from './message.js';
import { openOurs, type OurApp } from './our-app.js';
import type { Run } from './report.js';
import { recordStatements } from './statements.js';

const TABLES = `
create table business (id bigint generated always as identity primary key, reference text not null, amount integer not null);
create table by_hand (like outbox_messages including all)`;

const BY_HAND = `
insert into by_hand (lane, message_id, type, key, exchange, routing_key, occurred_at, payload)
values ($1, $2, $3, $4, $5, $6, $7, $8)`;

/** What `add()` costs the producer: beside the business transaction alone, and with an insert written by hand. */
export async function enqueue(run: Run, ground: Ground, loads: Loads): Promise<void> {
  const place = await ground.place('enqueue');
  const app = await openOurs(place);
  try {
    await app.pool.query(TABLES);
    await countStatements(run, app);
    const samples = await alternate(callsOf(app), {
      rounds: loads.transactions,
      turn: 1,
      concurrent: 1,
      warmup: loads.warmup,
    });
    // Round by round: what slows the machine down for a while does so for all three.
    const added = (who: keyof typeof samples): number =>
      median(samples[who].map((ms, round) => ms - (samples.bare[round] ?? NaN)));
    for (const [subject, who] of Object.entries(SUBJECTS)) {
      run.row(subject, {
        messages: samples[who].length,
        p50Micros: Math.round(median(samples[who]) * 1_000),
        p99Micros: Math.round(percentile(samples[who], 0.99) * 1_000),
        settings: 'one call after another',
      });
    }
    run.figure('addVsHandInsert', added('ours') / added('byHand'));
    run.figure('txOverhead', median(samples.ours) / median(samples.bare));
  } finally {
    await app.close();
  }
}

const SUBJECTS = {
  'business transaction alone': 'bare',
  'business transaction and insert by hand': 'byHand',
  'business transaction and add()': 'ours',
} as const;

function callsOf({ transactions, outbox }: OurApp) {
  const withBusiness = (also: (index: number) => Promise<unknown>) => (index: number) =>
    transactions.run(async () => {
      await transactions
        .current()
        .query('insert into business (reference, amount) values ($1, $2)', [`order-${index}`, 129]);
      await also(index);
    });
  return {
    bare: withBusiness(async () => {}),
    byHand: withBusiness((index) => {
      const payload = bodyOf(index);
      return transactions
        .current()
        .query(BY_HAND, [
          index % 16,
          randomUUID(),
          TYPE,
          payload.key,
          '',
          'orders',
          new Date(),
          JSON.stringify(payload),
        ]);
    }),
    ours: withBusiness((index) => {
      const payload = bodyOf(index);
      return outbox.add({
        type: TYPE,
        key: payload.key,
        exchange: '',
        routingKey: 'orders',
        payload,
      });
    }),
  };
}

async function countStatements(run: Run, app: OurApp): Promise<void> {
  const sent = await recordStatements(app.pool);
  const count = async (work: () => Promise<unknown>): Promise<number> => {
    sent.length = 0;
    await work();
    return sent.flatMap(({ text }) => text.split(/;\s+/)).length;
  };
  const calls = callsOf(app);
  const bare = await count(() => calls.bare(0));
  const one = (await count(() => calls.ours(0))) - bare;
  const many =
    (await count(() =>
      app.transactions.run(async () => {
        await app.transactions
          .current()
          .query('insert into business (reference, amount) values ($1, $2)', ['order-0', 129]);
        await app.outbox.add(
          Array.from({ length: 1_000 }, (_, index) => ({ type: TYPE, payload: bodyOf(index) })),
        );
      }),
    )) - bare;
  run.row('add() of one message', { sent: `${one} statement(s) beyond the transaction's` });
  run.row('add() of 1,000 messages', { sent: `${many} statement(s) beyond the transaction's` });
  run.figure('enqueueExtraStatements', Math.max(one, many));
}
