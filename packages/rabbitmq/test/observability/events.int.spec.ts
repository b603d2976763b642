import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { NonRetryableError } from '@acme/nest-message-context';
import { RabbitMqEvents, type RabbitMqEvent, type SettleOutcome } from '@acme/nest-rabbitmq';
import { channel } from 'node:diagnostics_channel';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConsumerGround } from '../support/consumer-ground.js';
import { CONSUMERS, slug, type Consumer } from '../support/consumers.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});
afterEach(() => ConsumerGround.closeAll());

const retry = { attempts: 2, initial: 50, max: 50, jitter: false } as const;

describe.each(CONSUMERS)('the events of %s', (kind, open) => {
  const ground = () =>
    new ConsumerGround(broker, open, `${slug(kind)}-events`, ['retry.50', 'dlq']);
  const listen = ({ app }: Consumer) => {
    const seen: RabbitMqEvent[] = [];
    let isOver = false;
    const { events$ } = app.get(RabbitMqEvents);
    events$.subscribe({ next: (event) => seen.push(event), complete: () => (isOver = true) });
    return { seen, types: () => seen.map(({ type }) => type), isOver: () => isOver };
  };

  it('tell what has become of each delivery, and end with the application', async () => {
    const { queue, start, publish } = ground();
    const consumer = await start({
      module: { retry },
      handle: ({ message: { messageId } }) => {
        if (messageId === 'm-final') throw new NonRetryableError('ORDER_UNKNOWN');
        if (messageId === 'm-fails') throw new TypeError('the key of a customer');
      },
    });
    const { seen, isOver } = listen(consumer);
    await publish('m-1', 'm-final', 'm-fails');
    await waitFor(() => seen.length === 4);
    const of = (id: string) =>
      seen.filter((event) => 'messageId' in event && event.messageId === id);
    const common = { queue, messageType: 'placed', handler: 'Events.placed', attempt: 1 };
    expect(of('m-1')).toEqual([
      {
        type: 'acked',
        at: expect.any(Date) as Date,
        ...common,
        messageId: 'm-1',
        durationMs: expect.any(Number) as number,
        queueWaitMs: undefined,
        parkedFor: undefined,
        retryAfterMs: undefined,
        errorCode: undefined,
      },
    ]);
    expect(of('m-final')).toMatchObject([
      { ...common, type: 'parked', parkedFor: 'ORDER_UNKNOWN', errorCode: 'ORDER_UNKNOWN' },
    ]);
    expect(of('m-fails')).toMatchObject([
      { ...common, type: 'retried', retryAfterMs: 50, errorCode: 'TypeError' },
      { ...common, attempt: 2, type: 'parked', parkedFor: 'RETRIES_EXHAUSTED' },
    ]);
    expect(JSON.stringify(seen)).not.toContain('customer');
    await consumer.close();
    expect(isOver()).toBe(true);
  });

  it('are told on channels of the process, each type on its own', async () => {
    const seen: unknown[] = [];
    const hear = (event: unknown): void => void seen.push(event);
    const parked: SettleOutcome = 'parked';
    channel(`acme:rabbitmq:${parked}`).subscribe(hear);
    try {
      const { start, publish } = ground();
      const consumer = await start({
        handle: (_, n) => {
          if (n === 1) throw new NonRetryableError('ORDER_UNKNOWN');
        },
      });
      await publish('m-1');
      await waitFor(() => seen.length === 1);
      await publish('m-2');
      await waitFor(() => consumer.handled.length === 2);
      await consumer.close();
      expect(seen).toMatchObject([{ type: 'parked', messageId: 'm-1' }]);
    } finally {
      channel(`acme:rabbitmq:${parked}`).unsubscribe(hear);
    }
  });

  it('tell that a queue is consumed no longer, and that it is again', async () => {
    const { queue, start } = ground();
    const consumer = await start();
    const { seen, types } = listen(consumer);
    await waitFor(async () => (await broker.queue(queue))?.consumers === 1);
    const deleting = await broker.channel();
    await deleting.deleteQueue(queue);
    await deleting.close();
    await waitFor(() => types().includes('consumer_back'));
    expect(seen).toMatchObject([
      { type: 'consumer_lost', queue, reason: 'cancelled' },
      { type: 'consumer_back', queue, lostMs: expect.any(Number) as number },
    ]);
    await consumer.close();
    expect(types()).toEqual(['consumer_lost', 'consumer_back']);
  });

  it('tell what a shutdown has cut off', async () => {
    const { queue, start, publish } = ground();
    let release!: () => void;
    const released = new Promise<void>((done) => (release = done));
    const consumer = await start({ module: { drainTimeout: 50 }, handle: () => released });
    const { seen } = listen(consumer);
    await publish('m-1', 'm-2');
    await waitFor(() => consumer.handled.length === 2);
    await consumer.close();
    release();
    expect(seen).toContainEqual({
      type: 'drain_abandoned',
      at: expect.any(Date) as Date,
      queue,
      count: 2,
    });
  });
});
