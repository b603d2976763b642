import { median } from '../../measure/statistics.js';
import { waitFor } from '../../measure/wait-for.js';
import type { Ground } from './ground.js';
import type { Loads } from './loads.js';
import { bodyOf, TYPE } from './message.js';
import { openOurs } from './our-app.js';
import type { Run } from './report.js';
import { recordStatements } from './statements.js';

const KEYS = 100;
const POLLS = 20;

/** What a look costs when the first message of every key was refused and waits: 100 keys, 1,000 messages each. */
export async function blocked(
  run: Run,
  ground: Ground,
  { messagesPerBlockedKey }: Loads,
): Promise<void> {
  const place = await ground.place('blocked');
  const app = await openOurs(place, {
    relay: { pollInterval: 50 },
    retry: { backoff: '1h', maxBackoff: '1h' },
  });
  const { transactions, outbox, relay, pool } = app;
  try {
    for (let n = 0; n < messagesPerBlockedKey; n += 10) {
      const messages = Array.from({ length: KEYS * 10 }, (_, i) => ({
        type: TYPE,
        key: `order-${i % KEYS}`,
        // No queue has this name, so each is given back.
        exchange: '',
        routingKey: `${place.queue}.nobody`,
        payload: bodyOf(i),
      }));
      await transactions.run(() => outbox.add(messages));
    }
    const { heldBack, published, parked } = await relay.runOnce();
    if (heldBack !== KEYS || published + parked > 0)
      throw new Error(`Not ${KEYS} keys are blocked but ${heldBack}; published ${published}.`);
    await ground.settle();
    const sent = await recordStatements(pool);
    relay.start();
    const reads = (): Map<string, number[]> => {
      const byText = new Map<string, number[]>();
      for (const { text, ms } of sent)
        if (isRead(text)) byText.set(text, [...(byText.get(text) ?? []), ms]);
      return byText;
    };
    await waitFor(
      () => [...reads().values()].filter(({ length }) => length >= POLLS).length >= 2,
      `${POLLS} polls`,
      60_000,
    );
    await relay.stop();
    // A look is one of each kind of statement that reads.
    const repeated = [...reads()].filter(([, { length }]) => length >= POLLS);
    for (const [text, times] of repeated) {
      run.row(`blocked backlog, read of ${/outbox_\w+/.exec(text)?.[0] ?? 'nothing'}`, {
        messages: KEYS * messagesPerBlockedKey,
        p50Micros: Math.round(median(times) * 1_000),
        settings: `${KEYS} keys, every head waiting`,
      });
    }
    const total = repeated.reduce((sum, [, times]) => sum + median(times), 0);
    run.figure('emptyPollMsBlocked100k', total);
  } finally {
    await app.close();
  }
}

const isRead = (text: string): boolean =>
  /\bselect\b/i.test(text) && !/\b(insert|update|delete)\b/i.test(text);
