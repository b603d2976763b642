import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { CONSUMERS, slug } from '../support/consumers.js';
import { depth, holds } from '../support/parked.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

const retry = { attempts: 2, initial: 50, max: 50, jitter: false } as const;

describe.each(CONSUMERS)('%s', (kind, open) => {
  it.each(['quorum', 'classic'] as const)(
    'what its handler has failed for good is handled afresh once it is mended: a %s queue',
    async (queueType) => {
      const name = `mended.${slug(kind)}.${queueType}`;
      const queue = broker.name(name);
      const dlq = broker.name(`${name}.dlq`);
      broker.name(`${name}.retry.50`);
      const options = {
        broker,
        queue,
        exchange: broker.name(`${name}.events`),
        queueType,
        module: { retry, queueType },
      };
      const broken = await open({
        ...options,
        handle: () => {
          throw new Error('the database is away');
        },
      });
      const channel = await broker.confirmChannel();
      // Without a type, a golevelup handler is told by its routing key, which a redrive must not change.
      const type = kind === 'golevelup' ? {} : { type: 'placed' };
      for (const id of [1, 2, 3])
        channel.publish(options.exchange, 'placed', Buffer.from(JSON.stringify({ id })), {
          messageId: `m-${id}`,
          ...type,
        });
      await channel.waitForConfirms();
      await holds(broker, dlq, 3);

      // Not yet: all of them fail once more, and the run takes each once.
      const first = await broken.deadLetters.redrive(dlq);
      expect(first).toMatchObject({ redriven: 3, to: { [queue]: 3 } });
      await holds(broker, dlq, 3);
      await expect(broken.deadLetters.groups(dlq)).resolves.toMatchObject({
        groups: [{ count: 3, code: 'RETRIES_EXHAUSTED', redriven: 3, queues: { [queue]: 3 } }],
      });
      await broken.close();

      const mended = await open({ ...options, handle: () => undefined });
      await expect(mended.deadLetters.redrive(dlq, { resume: first.id })).resolves.toMatchObject({
        left: { cameBack: 3 },
      });
      await expect(mended.deadLetters.redrive(dlq)).resolves.toMatchObject({ redriven: 3 });
      await waitFor(() => mended.handled.length === 3);
      const seen = mended.handled.map(({ payload, message: { name: of, attempt, headers } }) => ({
        payload,
        name: of,
        attempt,
        count: headers.getNumber('x-redrive-count'),
        error: headers.get('x-error-code'),
        key: headers.get('x-original-routing-key'),
        firstFailedAt: headers.get('x-first-failed-at'),
      }));
      // They were parked in the order in which their retries came back.
      expect(new Set(seen)).toEqual(
        new Set(
          [1, 2, 3].map((id) => ({
            payload: { id },
            name: 'placed',
            attempt: 1,
            count: 2,
            error: undefined,
            key: 'placed',
            firstFailedAt: undefined,
          })),
        ),
      );
      await channel.close();
      await mended.close();
      await expect(depth(broker, queue)).resolves.toBe(0);
      await expect(depth(broker, dlq)).resolves.toBe(0);
    },
  );
});
