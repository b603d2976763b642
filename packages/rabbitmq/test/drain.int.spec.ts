import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { RetryLater } from '@acme/nest-message-context';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConsumerGround } from './support/consumer-ground.js';
import { CONSUMERS, slug, type Consumer } from './support/consumers.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

afterEach(() => ConsumerGround.closeAll());

/** A handler that runs until the test lets it end. */
function held() {
  let open!: () => void;
  const opened = new Promise<void>((done) => (open = done));
  return { open, opened };
}

/** Said when the broker has confirmed that there are no consumers any more. A quorum queue counts those that still settle. */
const saysThatItWaits = ({ log }: Consumer, count: number): boolean =>
  log.messages('log').some((text) => text.includes(`${count} message(s) are being handled`));

describe.each(CONSUMERS)('the drain of %s', (kind, open) => {
  const ground = () =>
    new ConsumerGround(broker, open, `${slug(kind)}-drain`, ['retry.600000', 'dlq']);
  const ids = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => `m-${from + index}`);

  it('lets what runs end, starts nothing more, and leaves the rest in the queue: each is handled once', async () => {
    const { queue, start, publish } = ground();
    const { open: release, opened } = held();
    const first = await start({ prefetch: 3, handle: () => opened });
    await publish(...ids(1, 10));
    await waitFor(() => first.handled.length === 3);
    const closing = first.close();
    // Its consumers have ended: from here on the broker has no one to give the others to.
    await waitFor(() => saysThatItWaits(first, 3));
    await publish(...ids(11, 12));
    release();
    await closing;
    expect(first.handled).toHaveLength(3);
    await waitFor(async () => (await broker.queue(queue))?.messages === 9);
    const second = await start({ handle: () => undefined });
    await waitFor(() => second.handled.length === 9);
    const all = [...first.handled, ...second.handled].map(({ message }) => message.messageId);
    expect(new Set(all)).toEqual(new Set(ids(1, 12)));
    expect(all).toHaveLength(12);
    await second.close();
    expect((await broker.queue(queue))?.messages).toBe(0);
  });

  it('settles what fails meanwhile: its retry is at the broker before anything is closed', async () => {
    const { queue, start, publish } = ground();
    const { open: release, opened } = held();
    const consumer = await start({
      prefetch: 1,
      module: { retry: { attempts: 2, initial: '10m' } },
      handle: async () => {
        await opened;
        throw new Error('not now');
      },
    });
    await publish('m-1');
    await waitFor(() => consumer.handled.length === 1);
    const closing = consumer.close();
    await waitFor(() => saysThatItWaits(consumer, 1));
    release();
    await closing;
    expect((await broker.queue(queue))?.messages).toBe(0);
    expect((await broker.queue(`${queue}.retry.600000`))?.messages).toBe(1);
  });

  it('gives up after a while, and says what was cut off: the broker has it again', async () => {
    const { queue, start, publish } = ground();
    const { open: release, opened } = held();
    const consumer = await start({ module: { drainTimeout: 200 }, handle: () => opened });
    await publish('m-1', 'm-2');
    await waitFor(() => consumer.handled.length === 2);
    await consumer.close();
    expect(consumer.log.messages('error').filter((text) => text.includes('not settled'))).toEqual([
      expect.stringMatching(
        /2 message\(s\) were not settled within 0\.2 s: "placed" m-1 \(since 0 s\), "placed" m-2 .*handled twice/,
      ),
    ]);
    await waitFor(async () => (await broker.queue(queue))?.messages === 2);
    release();
  });

  it('gives back what is held here for a while, without waiting for its pause', async () => {
    const { queue, start, publish } = ground();
    const consumer = await start({
      // What has no wait queue is held here; the queue of retries is not to be had.
      module: { connect: () => Promise.reject(new Error('no way')), publishTimeout: 200 },
      handle: () => {
        throw new RetryLater({ after: 600_000 });
      },
    });
    await publish('m-1');
    await waitFor(() => consumer.handled.length >= 1);
    await consumer.close();
    await waitFor(async () => (await broker.queue(queue))?.messages === 1);
    expect(consumer.log.messages('error').filter((text) => text.includes('not settled'))).toEqual(
      [],
    );
  });
});
