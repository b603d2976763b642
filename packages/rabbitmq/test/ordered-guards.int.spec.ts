// What a guard or a pipe fails at keeps its place among those of its key, and is tried again there: behind Nest and golevelup.
import { tcpProxy, testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import {
  MessageContext,
  NonRetryableError,
  Requeue,
  RetryLater,
  type AmqpDeliveryLike,
} from '@acme/nest-message-context';
import { beforeAll, describe, expect, it } from 'vitest';
import { CONSUMERS, slug, type Consumer, type ConsumerOptions } from './support/consumers.js';
import { KeptOrder } from './support/kept-order.js';
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

/** So that a quorum queue of RabbitMQ 3.10 takes back to its place what comes back. */
const queueArguments = { 'x-delivery-limit': 20 };

describe.each(CONSUMERS)('%s', (kind, open) => {
  function scene() {
    const ground = orderedGround(broker, open, `${slug(kind)}-guards`);
    const ledger = new Ledger();
    /** Attempts that came to the guard, by message. */
    const asked = new Map<string, number[]>();
    const rules: { refuse: (id: string, times: number) => Error | undefined | void } = {
      refuse: () => undefined,
    };
    const check = async (): Promise<void> => {
      const { messageId = '', attempt } = MessageContext.require().message;
      const times = asked.get(messageId) ?? [];
      asked.set(messageId, [...times, attempt]);
      const error = rules.refuse(messageId, times.length + 1);
      if (error) throw error;
    };
    const guard = () => check().then(() => true);
    const pipe = (payload: unknown) => check().then(() => payload);
    const start = (options: Partial<ConsumerOptions> = {}) =>
      ground.open({
        module: { retry },
        ...(!options.pipe && { guard }),
        handle: (handled) => ledger.handle(ofMessage(handled), () => {}),
        ...options,
      });
    const untilParked = (count: number) =>
      waitFor(async () => (await ground.depth('.dlq')) === count, { what: `${count} parked` });
    /** Out of a wait queue they would have come by the default exchange. */
    const cameOnce = ({ handled }: Consumer): boolean =>
      handled.every(({ message }) => {
        const { fields } = message.raw as AmqpDeliveryLike;
        return fields.exchange === ground.exchange && fields.redelivered === false;
      });
    return { ...ground, ledger, asked, rules, pipe, start, untilParked, cameOnce };
  }

  const down = (): Error => new Error('the directory is away');

  it.each([
    { queueType: 'quorum', by: 'guard' },
    { queueType: 'classic', by: 'guard' },
    { queueType: 'quorum', by: 'pipe' },
  ] as const)(
    'tries again in its place what a $by fails at, and others do not wait: a $queueType queue',
    async ({ queueType, by }) => {
      const { start, publish, cameOnce, ledger, asked, rules, pipe, depth, closedAndEmpty } =
        scene();
      rules.refuse = (id, times) => (id === 'k0-1' && times < 3 ? down() : undefined);
      const consumer = await start({
        queueType,
        module: { retry, queueType },
        ...(by === 'pipe' && { pipe }),
      });
      await publish(numbered(3, 3));
      await waitFor(() => ledger.done.length === 9);
      expect(ledger.of('k0')).toEqual([1, 2, 3]);
      expect(ledger.overlaps).toEqual([]);
      expect(asked.get('k0-1')).toEqual([1, 2, 3]);
      expect(cameOnce(consumer)).toBe(true);
      const first = consumer.handled.find(({ message }) => message.messageId === 'k0-1');
      expect(first?.message.attempt).toBe(3);
      // Those of other keys were done by then.
      expect(ledger.done.slice(0, 6).map(({ key }) => key)).not.toContain('k0');
      await expect(depth('.retry.50')).resolves.toBe(0);
      const told = consumer.log.messages('warn').filter((text) => text.includes('k0-1 failed on'));
      expect(told).toEqual([
        expect.stringMatching(/attempt 1 of 3: the directory is away\. .* in 50 ?ms.*\(k0\)/),
        expect.stringMatching(/attempt 2 of 3: the directory is away\. .* in 0\.1 s.*\(k0\)/),
      ]);
      await closedAndEmpty(consumer);
    },
  );

  it('parks what was refused often enough, and then its key goes on', async () => {
    const { start, publish, parked, ledger, asked, rules, closedAndEmpty } = scene();
    const began = Date.now();
    rules.refuse = (id) => (id === 'k0-1' ? new TypeError('no such tenant') : undefined);
    const consumer = await start();
    await publish(numbered(1, 3));
    await waitFor(() => ledger.done.length === 2);
    expect(ledger.of('k0')).toEqual([2, 3]);
    expect(asked.get('k0-1')).toEqual([1, 2, 3]);
    const [message] = await parked();
    const { headers = {} } = message!.properties;
    expect(headers).toMatchObject({
      'x-attempt': 3,
      'x-error-code': 'RETRIES_EXHAUSTED',
      'x-error-name': 'TypeError',
      'x-error-message': expect.stringContaining('no such tenant') as string,
    });
    const { 'x-first-failed-at': first, 'x-last-failed-at': last } = headers;
    expect(Date.parse(first as string)).toBeGreaterThanOrEqual(began);
    // Two pauses: 50 and 100 ms.
    expect(Date.parse(last as string) - Date.parse(first as string)).toBeGreaterThanOrEqual(149);
    await closedAndEmpty(consumer);
  });

  it('parks what follows as well, where its key is to be stopped, and goes on in order', async () => {
    const { start, publish, queue, ledger, rules, untilParked, closedAndEmpty } = scene();
    rules.refuse = (id) => (id === 'k0-1' ? down() : undefined);
    const ordered = { key: keyedBy, onFailure: 'park-key' } as const;
    const consumer = await start({ ordered, order: new KeptOrder() });
    await publish(numbered(2, 3));
    await untilParked(3);
    expect([ledger.of('k0'), ledger.of('k1')]).toEqual([[], [1, 2, 3]]);
    const { messages } = await consumer.deadLetters.list(`${queue}.dlq`);
    expect(messages.map(({ messageId, code }) => [messageId, code])).toEqual([
      ['k0-1', 'RETRIES_EXHAUSTED'],
      ['k0-2', 'ORDER_KEY_STOPPED'],
      ['k0-3', 'ORDER_KEY_STOPPED'],
    ]);
    rules.refuse = () => undefined;
    await consumer.deadLetters.redrive(`${queue}.dlq`);
    await waitFor(() => ledger.done.length === 6);
    expect(ledger.of('k0')).toEqual([1, 2, 3]);
    await closedAndEmpty(consumer);
  });

  it('waits its turn behind those before it, and is then tried again', async () => {
    const { start, publish, ledger, rules, asked, cameOnce, closedAndEmpty } = scene();
    rules.refuse = (id, times) => (id !== 'k0-1' && times === 1 ? down() : undefined);
    const consumer = await start({
      handle: (handled) => ledger.handle(ofMessage(handled), () => waitFor(() => asked.size === 4)),
    });
    await publish(numbered(1, 4));
    await waitFor(() => ledger.done.length === 4);
    expect(ledger.of('k0')).toEqual([1, 2, 3, 4]);
    expect(cameOnce(consumer)).toBe(true);
    expect(ledger.overlaps).toEqual([]);
    await closedAndEmpty(consumer);
  });

  it('counts on in the handler, and is parked with all it was through', async () => {
    const { start, publish, parked, rules, asked, cameOnce, closedAndEmpty } = scene();
    rules.refuse = (_id, times) => (times === 1 ? down() : undefined);
    const attempts: number[] = [];
    const consumer = await start({
      handle: ({ message }) => {
        attempts.push(message.attempt);
        throw new TypeError('no such order');
      },
    });
    await publish(numbered(1, 1));
    const [message] = await parked();
    expect(cameOnce(consumer)).toBe(true);
    // Once its handler was reached, that alone is called again.
    expect([asked.get('k0-1'), attempts]).toEqual([
      [1, 2],
      [2, 3],
    ]);
    const { headers = {} } = message!.properties;
    expect(headers).toMatchObject({ 'x-attempt': 3, 'x-error-name': 'TypeError' });
    const { 'x-first-failed-at': first, 'x-last-failed-at': last } = headers;
    expect(Date.parse(last as string) - Date.parse(first as string)).toBeGreaterThanOrEqual(149);
    await closedAndEmpty(consumer);
  });

  it('is put off in its place as well', async () => {
    const { start, publish, ledger, rules, asked, closedAndEmpty } = scene();
    rules.refuse = (id, times) =>
      id === 'k0-1' && times < 4 ? new RetryLater({ after: 1, countAttempt: false }) : undefined;
    const consumer = await start();
    await publish(numbered(1, 2));
    await waitFor(() => ledger.done.length === 2);
    expect(ledger.of('k0')).toEqual([1, 2]);
    expect(asked.get('k0-1')).toEqual([1, 1, 1, 1]);
    await closedAndEmpty(consumer);
  });

  it.each([1, 2])('keeps its place where somebody gives it back, at time %i', async (time) => {
    const { start, publish, ledger, rules, closedAndEmpty } = scene();
    rules.refuse = (id, times) => {
      if (id !== 'k0-1' || times > time) return undefined;
      return times === time ? new Requeue() : down();
    };
    const consumer = await start({ queueArguments });
    await publish(numbered(1, 3));
    await waitFor(() => ledger.done.length === 3);
    expect(ledger.of('k0')).toEqual([1, 2, 3]);
    await closedAndEmpty(consumer);
  });

  it('lets those with lower numbers go first, where gaps are waited for', async () => {
    const { start, publish, parked, ledger, rules, asked, closedAndEmpty } = scene();
    rules.refuse = (id) => (id === 'k0-2' ? down() : undefined);
    const sequence = { onGap: 'hold', holdMax: '1m', startsAt: 1 } as const;
    const consumer = await start({
      order: new KeptOrder(),
      ordered: { key: keyedBy, onFailure: 'park-key', sequence },
    });
    const numberOf = ({ n }: Numbered) => ({ headers: { 'x-sequence': n } });
    await publish([{ key: 'k0', n: 2 }], numberOf);
    await waitFor(() => asked.get('k0-2')?.length === 1);
    await publish([{ key: 'k0', n: 1 }], numberOf);
    const [message] = await parked();
    expect(message?.properties).toMatchObject({
      messageId: 'k0-2',
      headers: { 'x-attempt': 3, 'x-error-code': 'RETRIES_EXHAUSTED' },
    });
    expect(ledger.of('k0')).toEqual([1]);
    await closedAndEmpty(consumer);
  });

  it('goes once a later attempt says that none can cure it', async () => {
    const { start, publish, parked, ledger, rules, asked, closedAndEmpty } = scene();
    rules.refuse = (id, times) => {
      if (id !== 'k0-1') return undefined;
      return times === 1 ? down() : new NonRetryableError('NOT_ALLOWED');
    };
    const consumer = await start();
    await publish(numbered(1, 3));
    await waitFor(() => ledger.done.length === 2);
    expect(ledger.of('k0')).toEqual([2, 3]);
    expect(asked.get('k0-1')).toEqual([1, 2]);
    const [message] = await parked();
    expect(message?.properties.headers).toMatchObject({
      'x-attempt': 2,
      'x-error-code': 'NOT_ALLOWED',
    });
    await closedAndEmpty(consumer);
  });

  it.each(['quorum', 'classic'] as const)(
    'goes back to its place when its application closes: a %s queue',
    async (queueType) => {
      const { start, publish, depth, ledger, rules, asked, closedAndEmpty } = scene();
      const options = {
        queueType,
        queueArguments: queueType === 'quorum' ? queueArguments : {},
        module: { queueType, retry: { ...retry, initial: 1_000, max: 1_000 } },
      };
      rules.refuse = (id) => (id === 'k0-2' ? down() : undefined);
      const before = await start(options);
      await publish(numbered(2, 4));
      const isPausing = (): boolean =>
        before.log.messages('warn').some((text) => text.includes('k0-2 failed on attempt 1'));
      await waitFor(() => isPausing() && ledger.done.length === 5);
      await before.close();
      expect(asked.get('k0-2')).toEqual([1]);
      // Nothing of it in the wait queue.
      await expect(depth()).resolves.toBe(3);
      await expect(depth('.retry.1000')).resolves.toBe(0);
      rules.refuse = () => undefined;
      const consumer = await start(options);
      await waitFor(() => ledger.done.length === 8);
      expect(ledger.of('k0')).toEqual([1, 2, 3, 4]);
      expect(ledger.violations).toEqual([]);
      await closedAndEmpty(consumer);
    },
  );

  it('is left to the broker once its connection is lost, which brings it again to its place', async () => {
    const { start, publish, depth, ledger, rules, asked, closedAndEmpty } = scene();
    const proxy = await tcpProxy(broker.url);
    rules.refuse = (id) => {
      if (id !== 'k0-1' || (asked.get(id)?.length ?? 0) > 1) return undefined;
      proxy.cut();
      return down();
    };
    const consumer = await start({ broker: { ...broker, url: proxy.url }, queueArguments });
    await publish(numbered(1, 3));
    await waitFor(() => ledger.done.length === 3);
    expect(ledger.of('k0')).toEqual([1, 2, 3]);
    expect(ledger.overlaps).toEqual([]);
    await expect(depth('.retry.50')).resolves.toBe(0);
    await closedAndEmpty(consumer);
    expect(ledger.done).toHaveLength(3);
  });

  it.each([
    { what: 'where it may be overtaken', ordered: { key: keyedBy, onFailure: 'skip' } },
    {
      what: 'where nobody knows its key before its pipes',
      ordered: { key: ({ message }) => (message.payload as { key: string }).key },
    },
  ] satisfies { what: string; ordered: ConsumerOptions['ordered'] }[])(
    'goes to its wait queue $what',
    async ({ ordered }) => {
      const { start, publish, ledger, rules, closedAndEmpty } = scene();
      rules.refuse = (id, times) => (id === 'k0-1' && times === 1 ? down() : undefined);
      // Called again at once, it would not be overtaken.
      const consumer = await start({ ordered, module: { retry: { ...retry, immediate: 2 } } });
      await publish(numbered(1, 3));
      await waitFor(() => ledger.done.length === 3);
      expect(ledger.of('k0')).toEqual([2, 3, 1]);
      await closedAndEmpty(consumer);
    },
  );
});
