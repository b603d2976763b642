// A large backlog: 50,000 messages, and 500,000 with `CHAOS=full`.
import { declareQueue, testBroker, waitFor } from '@acme/internal-testing';
import { describe, expect, it } from 'vitest';
import { OUTBOX_DATABASES_OF_BROKER_TESTS } from './support/outbox-database.js';
import { addAll, emptied, FULL, numbered, spawnRelay, statsOf } from './support/relays.js';

const COUNT = FULL ? 500_000 : 50_000;
const PIECE = 10_000;
const MINUTES = FULL ? 20 : 4;
const MB = 1024 * 1024;

describe.each(OUTBOX_DATABASES_OF_BROKER_TESTS)(
  'a relay with a large backlog, on %s',
  (_, open) => {
    it(
      'needs no more memory at the end than at the beginning',
      async () => {
        const [database, broker] = await Promise.all([open(), testBroker()]);
        const queue = await declareQueue(broker, 'drain');
        for (let from = 0; from < COUNT; from += PIECE)
          await addAll(database, broker, numbered(queue, PIECE, 1_000, from));

        const relay = spawnRelay(database, broker, {
          nodeArgs: ['--expose-gc'],
          window: 1_000,
          options: { relay: { batchSize: 500 } },
          lease: '10s',
        });
        const sizes: number[] = [];
        // What is compiled and cached in the first fifth stays; nothing comes to it.
        for (const part of [0.2, 0.4, 0.6, 0.8]) {
          const { bytes } = await waitFor(
            async () => {
              const stats = await statsOf(relay);
              return stats.published >= COUNT * part ? stats : undefined;
            },
            { deadlineMs: MINUTES * 60_000, what: `${part} of the backlog published` },
          );
          sizes.push(bytes);
        }
        await emptied(database, MINUTES * 60_000);
        await expect(statsOf(relay)).resolves.toMatchObject({ published: COUNT });
        const [early = 0, ...later] = sizes;
        expect(Math.max(...later) - early).toBeLessThan(5 * MB);
        expect((await broker.queue(queue))?.messages).toBe(COUNT);
        await relay.leave();
      },
      MINUTES * 180_000,
    );
  },
);
