// A key stops when a message of it is parked, and goes on once what was parked of it was handled in its order: behind Nest and golevelup.
import { setTimeout as sleep } from 'node:timers/promises';
import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { DeadLetter, NonRetryableError } from '@acme/nest-message-context';
import { RabbitMqEvents, type RabbitMqEvent } from '@acme/nest-rabbitmq';
import { beforeAll, describe, expect, it } from 'vitest';
import { CONSUMERS, slug, type ConsumerOptions } from './support/consumers.js';
import { KeptOrder } from './support/kept-order.js';
import {
  keyedBy,
  Ledger,
  numbered,
  ofMessage,
  orderedGround,
  retry,
} from './support/ordered-ground.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

const ordered = { key: keyedBy, onFailure: 'park-key' } as const;

describe.each(CONSUMERS)('%s', (kind, open) => {
  function scene() {
    const ground = orderedGround(broker, open, `${slug(kind)}-parks`);
    const ledger = new Ledger();
    const order = new KeptOrder();
    const failing = { with: undefined as (() => Error) | undefined };
    const start = (options: Partial<ConsumerOptions> = {}) =>
      ground.open({
        module: { retry: { ...retry, attempts: 2 } },
        ordered,
        order,
        handle: (handled) => {
          const message = ofMessage(handled);
          return ledger.handle(message, () => {
            if (message.key === 'k0' && message.n === 2 && failing.with) throw failing.with();
          });
        },
        ...options,
      });
    const dead = `${ground.queue}.dlq`;
    const untilParked = (count: number) =>
      waitFor(async () => (await ground.depth('.dlq')) === count, {
        what: `${count} messages in ${dead}`,
      });
    return { ...ground, ledger, order, failing, start, dead, untilParked };
  }

  it.each(['quorum', 'classic'] as const)(
    'parks what follows, redrives it in order, and goes on: a %s queue',
    async (queueType) => {
      const { start, publish, ledger, failing, queue, dead, untilParked, closedAndEmpty } = scene();
      failing.with = () => new TypeError('no such order');
      const consumer = await start({ queueType, module: { retry, queueType } });
      const told: RabbitMqEvent[] = [];
      consumer.app
        .get(RabbitMqEvents)
        .events$.subscribe((event) => void (event.type.startsWith('key_') && told.push(event)));
      await publish(numbered(2, 5));
      await untilParked(4);
      await waitFor(() => ledger.done.length === 6);
      expect([ledger.of('k0'), ledger.of('k1')]).toEqual([[1], [1, 2, 3, 4, 5]]);
      await expect(consumer.keys.stopped({ queue, key: 'k0' })).resolves.toMatchObject({
        messageId: 'k0-2',
        parked: 4,
      });
      const { messages } = await consumer.deadLetters.list(dead);
      expect(messages.map(({ messageId, code }) => [messageId, code])).toEqual([
        ['k0-2', 'RETRIES_EXHAUSTED'],
        ['k0-3', 'ORDER_KEY_STOPPED'],
        ['k0-4', 'ORDER_KEY_STOPPED'],
        ['k0-5', 'ORDER_KEY_STOPPED'],
      ]);

      failing.with = undefined;
      await consumer.deadLetters.redrive(dead);
      await waitFor(() => ledger.done.length === 10);
      expect(ledger.of('k0')).toEqual([1, 2, 3, 4, 5]);
      await waitFor(() => told.length === 2);
      expect(told).toMatchObject([
        { type: 'key_stopped', queue, messageId: 'k0-2' },
        { type: 'key_resumed', queue },
      ]);
      await expect(consumer.keys.stopped({ queue, key: 'k0' })).resolves.toBeUndefined();
      await publish([{ key: 'k0', n: 6 }]);
      await waitFor(() => ledger.done.length === 11);
      await closedAndEmpty(consumer);
    },
  );

  it('is still stopped after a restart', async () => {
    const { start, publish, ledger, failing, dead, untilParked, closedAndEmpty } = scene();
    failing.with = () => new NonRetryableError('NO_SUCH_ORDER');
    const before = await start();
    await publish(numbered(1, 2));
    await untilParked(1);
    await before.close();
    failing.with = undefined;
    const consumer = await start();
    await publish([{ key: 'k0', n: 3 }]);
    await untilParked(2);
    await consumer.deadLetters.redrive(dead);
    await waitFor(() => ledger.done.length === 3);
    expect(ledger.of('k0')).toEqual([1, 2, 3]);
    await closedAndEmpty(consumer);
  });

  it('parks again what is redriven before those that failed before it', async () => {
    const { start, publish, ledger, failing, queue, dead, untilParked, closedAndEmpty } = scene();
    failing.with = () => new DeadLetter('NO_SUCH_ORDER');
    const consumer = await start();
    await publish(numbered(1, 4));
    await untilParked(3);
    failing.with = undefined;
    const third = { filter: { messageId: 'k0-3' } };
    await consumer.deadLetters.redrive(dead, third);
    await untilParked(3);
    const [again] = (await consumer.deadLetters.list(dead, third)).messages;
    expect(again?.errorMessage).toContain('this is number 2, while 0 were handled');
    await consumer.deadLetters.redrive(dead, { filter: { messageId: 'k0-2' } });
    await waitFor(() => ledger.done.length === 2);
    // The third stands behind the fourth now: in two rounds they are through.
    await consumer.deadLetters.redrive(dead);
    await waitFor(() => ledger.of('k0').includes(3));
    await untilParked(1);
    await consumer.deadLetters.redrive(dead);
    await waitFor(() => ledger.done.length === 4);
    expect(ledger.of('k0')).toEqual([1, 2, 3, 4]);
    await expect(consumer.keys.stopped({ queue, key: 'k0' })).resolves.toBeUndefined();
    await closedAndEmpty(consumer);
  });

  it('goes on without what was parked, where somebody says so', async () => {
    const { start, publish, ledger, failing, queue, dead, untilParked, closedAndEmpty } = scene();
    failing.with = () => new DeadLetter('NO_SUCH_ORDER');
    const consumer = await start();
    await publish(numbered(1, 3));
    await untilParked(2);
    await consumer.deadLetters.purge(dead, { all: true });
    await expect(consumer.keys.release({ queue, key: 'k0' })).resolves.toBe(true);
    await expect(consumer.keys.release({ queue, key: 'k0' })).resolves.toBe(false);
    await publish([{ key: 'k0', n: 4 }]);
    await waitFor(() => ledger.done.length === 2);
    expect(ledger.of('k0')).toEqual([1, 4]);
    await closedAndEmpty(consumer);
  });

  it.each([
    { what: 'a guard refuses', by: 'guard' as const },
    { what: 'a pipe refuses', by: 'pipe' as const },
  ])('is stopped as well by what $what', async ({ by }) => {
    const { start, publish, ledger, untilParked, closedAndEmpty } = scene();
    let asked = 0;
    const refuse = async (): Promise<void> => {
      asked += 1;
      if (asked === 2) throw new NonRetryableError('NOT_ALLOWED');
    };
    const consumer = await start(
      by === 'guard'
        ? { guard: () => refuse().then(() => true) }
        : { pipe: (payload) => refuse().then(() => payload) },
    );
    await publish(numbered(1, 4));
    await untilParked(3);
    expect(ledger.of('k0')).toEqual([1]);
    await closedAndEmpty(consumer);
  });

  it('is not stopped before those that were delivered before, where a guard refuses at once', async () => {
    const { start, publish, ledger, untilParked, closedAndEmpty } = scene();
    let asked = 0;
    const consumer = await start({
      guard: async () => {
        asked += 1;
        if (asked === 3) throw new NonRetryableError('NOT_ALLOWED');
        return true;
      },
      // Those before are in their lane meanwhile.
      handle: (handled) => ledger.handle(ofMessage(handled), () => sleep(20)),
    });
    await publish(numbered(1, 5));
    await untilParked(3);
    expect(ledger.of('k0')).toEqual([1, 2]);
    await closedAndEmpty(consumer);
  });

  it('is stopped before the next one begins, however long filters take', async () => {
    const { start, publish, ledger, failing, untilParked, closedAndEmpty } = scene();
    let asked = 0;
    failing.with = () => new NonRetryableError('NO_SUCH_ORDER');
    const consumer = await start({
      guard: async () => {
        asked += 1;
        if (asked === 1) throw new NonRetryableError('NOT_ALLOWED');
        return true;
      },
      filter: () => sleep(20),
    });
    // Of the one a guard refuses the first message, of the other the handler the second.
    await publish([{ key: 'k1', n: 0 }, ...numbered(2, 3)]);
    await untilParked(6);
    expect([ledger.of('k0'), ledger.of('k1')]).toEqual([[1], []]);
    await closedAndEmpty(consumer);
  });

  it('waits for a store that cannot be asked, and loses nothing', async () => {
    const { start, publish, ledger, order, closedAndEmpty } = scene();
    let isDown = true;
    order.answers = () => {
      if (isDown) throw new Error('the store is away');
    };
    const consumer = await start();
    await publish(numbered(2, 2));
    await waitFor(() =>
      consumer.log
        .messages('warn')
        .some((text) => text.includes('The order store (tests) cannot be asked')),
    );
    expect(ledger.done).toEqual([]);
    isDown = false;
    await waitFor(() => ledger.done.length === 4);
    expect(ledger.violations).toEqual([]);
    await closedAndEmpty(consumer);
  });

  it('handles nothing behind what it could not park before it closed', async () => {
    const { start, publish, ledger, order, failing, depth, closedAndEmpty } = scene();
    failing.with = () => new DeadLetter('NO_SUCH_ORDER');
    let refused = 0;
    order.answers = (what) => {
      if (what !== 'write') return;
      refused += 1;
      throw new Error('the store is away');
    };
    const queueArguments = { 'x-delivery-limit': 20 };
    const before = await start({ queueArguments });
    await publish(numbered(1, 3));
    await waitFor(() => refused > 0);
    await before.close();
    expect(ledger.of('k0')).toEqual([1]);
    await expect(depth()).resolves.toBe(2);
    order.answers = undefined;
    failing.with = undefined;
    const consumer = await start({ queueArguments });
    await waitFor(() => ledger.done.length === 3);
    expect(ledger.of('k0')).toEqual([1, 2, 3]);
    await closedAndEmpty(consumer);
  });

  it('keeps what is to be parked, where its stop cannot be kept', async () => {
    const { start, publish, ledger, order, failing, untilParked, closedAndEmpty } = scene();
    failing.with = () => new DeadLetter('NO_SUCH_ORDER');
    let refused = 0;
    order.answers = (what) => {
      if (what === 'write' && (refused += 1) === 1) throw new Error('the store is away');
    };
    const consumer = await start();
    await publish(numbered(1, 3));
    await untilParked(2);
    expect(refused).toBeGreaterThan(1);
    expect(ledger.of('k0')).toEqual([1]);
    await closedAndEmpty(consumer);
  });
});
