// What becomes of the order of a key when a message of it fails: behind Nest and golevelup.
import { setTimeout as sleep } from 'node:timers/promises';
import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { NonRetryableError, Requeue, RetryLater } from '@acme/nest-message-context';
import { beforeAll, describe, expect, it } from 'vitest';
import { CONSUMERS, slug } from './support/consumers.js';
import {
  keyedBy,
  Ledger,
  numbered,
  ofMessage,
  orderedGround,
  retry,
  type Numbered,
} from './support/ordered-ground.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

describe.each(CONSUMERS)('%s', (kind, open) => {
  const ground = () => orderedGround(broker, open, `${slug(kind)}-fails`);

  it.each(['quorum', 'classic'] as const)(
    'tries again in its place what fails, and others do not wait: a %s queue',
    async (queueType) => {
      const { open: start, publish, depth, closedAndEmpty } = ground();
      const ledger = new Ledger();
      const attempts: number[] = [];
      const consumer = await start({
        queueType,
        module: { retry, queueType },
        handle: (handled) => {
          const message = ofMessage(handled);
          return ledger.handle(message, () => {
            if (message.key !== 'k0' || message.n !== 1) return;
            attempts.push(handled.message.attempt);
            if (attempts.length < 3) throw new Error('the database is away');
          });
        },
      });
      await publish(numbered(3, 3));
      await waitFor(() => ledger.done.length === 9);
      expect(attempts).toEqual([1, 2, 3]);
      expect(ledger.of('k0')).toEqual([1, 2, 3]);
      // Those of other keys were done by then.
      expect(ledger.done.slice(0, 6).map(({ key }) => key)).not.toContain('k0');
      await expect(depth('.retry.50')).resolves.toBe(0);
      await closedAndEmpty(consumer);
    },
  );

  it('parks what has failed often enough, and then its key goes on', async () => {
    const { open: start, publish, parked, closedAndEmpty } = ground();
    const ledger = new Ledger();
    const began = Date.now();
    const consumer = await start({
      module: { retry },
      handle: (handled) => {
        const message = ofMessage(handled);
        return ledger.handle(message, () => {
          if (message.n === 1) throw new TypeError('no such order');
        });
      },
    });
    await publish(numbered(1, 3));
    await waitFor(() => ledger.done.length === 2);
    expect(ledger.of('k0')).toEqual([2, 3]);
    const [message] = await parked();
    expect(message?.properties.headers).toMatchObject({
      'x-attempt': 3,
      'x-error-code': 'RETRIES_EXHAUSTED',
      'x-error-name': 'TypeError',
      'x-error-message': expect.stringContaining('no such order') as string,
      'x-error-stack': expect.stringContaining('ordered-failures.int.spec') as string,
    });
    const { 'x-first-failed-at': first, 'x-last-failed-at': last } =
      message!.properties.headers ?? {};
    expect(Date.parse(first as string)).toBeGreaterThanOrEqual(began);
    // Two pauses: 50 and 100 ms.
    expect(Date.parse(last as string) - Date.parse(first as string)).toBeGreaterThanOrEqual(149);
    await closedAndEmpty(consumer);
  });

  it('lets those behind overtake what fails, where it is told to', async () => {
    const { open: start, publish, closedAndEmpty } = ground();
    const ledger = new Ledger();
    let failures = 0;
    const consumer = await start({
      module: { retry },
      ordered: { key: keyedBy, onFailure: 'skip' },
      handle: (handled) => {
        const message = ofMessage(handled);
        return ledger.handle(message, () => {
          if (message.n === 1 && (failures += 1) === 1) throw new Error('not now');
        });
      },
    });
    await publish(numbered(1, 3));
    await waitFor(() => ledger.done.length === 3);
    expect(ledger.of('k0')).toEqual([2, 3, 1]);
    expect(ledger.overlaps).toEqual([]);
    await closedAndEmpty(consumer);
  });

  it('does not wait for what a guard refuses', async () => {
    const { open: start, publish, closedAndEmpty, parked } = ground();
    const ledger = new Ledger();
    let asked = 0;
    const consumer = await start({
      guard: async () => {
        asked += 1;
        if (asked !== 2) return true;
        await sleep(5);
        throw new NonRetryableError('NOT_ALLOWED');
      },
      handle: (handled) => ledger.handle(ofMessage(handled), () => {}),
    });
    await publish(numbered(1, 4));
    await waitFor(() => ledger.done.length === 3);
    expect(ledger.of('k0')).toEqual([1, 3, 4]);
    await expect(parked()).resolves.toHaveLength(1);
    await closedAndEmpty(consumer);
  });

  it.each([
    { what: 'without a key', key: keyedBy, body: { n: 1 }, code: 'ORDER_KEY_MISSING' },
    { what: 'whose key is empty', key: keyedBy, body: { key: '' }, code: 'ORDER_KEY_MISSING' },
    { what: 'whose key is a thing', key: keyedBy, body: { key: {} }, code: 'ORDER_KEY_INVALID' },
    {
      what: 'whose key cannot be read',
      key: () => {
        throw new TypeError('cannot read it');
      },
      body: { key: 'k' },
      code: 'ORDER_KEY_INVALID',
    },
  ])('parks a message $what', async ({ key, body, code }) => {
    const { open: start, publish, closedAndEmpty, parked } = ground();
    const consumer = await start({ ordered: { key }, handle: () => {} });
    await publish([body as unknown as Numbered]);
    const [message] = await parked();
    expect(message?.properties.headers).toMatchObject({ 'x-error-code': code, 'x-attempt': 1 });
    expect(consumer.handled).toEqual([]);
    await closedAndEmpty(consumer);
  });

  it('stays in order where the handler gives its message back', async () => {
    const { open: start, publish, closedAndEmpty } = ground();
    const ledger = new Ledger();
    let given = 0;
    const consumer = await start({
      queueArguments: { 'x-delivery-limit': 20 },
      handle: (handled) => {
        const message = ofMessage(handled);
        return ledger.handle(message, () => {
          if (message.n === 2 && (given += 1) < 3) throw new Requeue();
        });
      },
    });
    await publish(numbered(2, 10));
    await waitFor(() => ledger.done.length === 20);
    expect(ledger.violations).toEqual([]);
    expect(ledger.overlaps).toEqual([]);
    await closedAndEmpty(consumer);
  });

  it('does not count as attempts in a lane what is not to blame', async () => {
    const { open: start, publish, closedAndEmpty, parked } = ground();
    const attempts: number[] = [];
    const consumer = await start({
      module: { retry: { ...retry, maxDeferrals: 3 } },
      handle: ({ message }) => {
        attempts.push(message.attempt);
        throw new RetryLater({ after: 1, countAttempt: false });
      },
    });
    await publish(numbered(1, 1));
    const [message] = await parked();
    expect(message?.properties.headers).toMatchObject({
      'x-attempt': 1,
      'x-deferrals': 3,
      'x-error-code': 'DEFERRALS_EXHAUSTED',
    });
    expect(attempts).toEqual([1, 1, 1, 1]);
    await closedAndEmpty(consumer);
  });
});
