// What the broker refuses, in bulk, beside what it takes.
import {
  declareQueue,
  takeAll,
  testBroker,
  waitFor,
  type TestBroker,
} from '@acme/internal-testing';
import type { ConsumeMessage } from 'amqplib';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openOutboxApp, outboxRows } from './support/outbox-app.js';
import { OUTBOX_DATABASES, type OutboxDatabase } from './support/outbox-database.js';
import { firstOccurrences, orderViolations } from './support/arrivals.js';
import { emptied, numbered } from './support/relays.js';

describe.each(OUTBOX_DATABASES)('a relay whose messages are refused, on %s', (_, open) => {
  let database: OutboxDatabase;
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await testBroker();
  });
  beforeEach(async () => {
    database = await open();
  });
  const relay = { window: 50, batchSize: 25, pollInterval: 50 };
  const reasons = () =>
    database.query<{ reason: string; attempts: number; number_of_rows: number }>(
      `select reason, attempts, cast(count(*) as int) as number_of_rows
       from outbox_parked
       group by reason, attempts`,
    );
  const idsOf = (messages: readonly ConsumeMessage[]) =>
    firstOccurrences(messages).map(({ properties }) => String(properties.messageId));

  it('parks what no queue is bound for, far more than a window of it, and publishes all the rest', async () => {
    const queue = await declareQueue(broker, 'beside-unroutable');
    const nowhere = broker.name('nowhere');
    const { outbox, transactions, close } = await openOutboxApp(database, broker, {
      relay,
      retry: { attempts: 2, backoff: 50, maxBackoff: 50 },
    });
    const good = numbered(queue, 400, 20);
    const bad = numbered(nowhere, 400, 40).map(({ key, ...rest }, i) => ({
      ...rest,
      ...(i % 2 === 0 ? { key: `bad-${key}` } : {}),
    }));
    await transactions.run(() => outbox.add(good.flatMap((one, i) => [one, bad[i] ?? one])));
    await emptied(database);
    await close();
    const arrived = await takeAll(broker, queue);
    expect(arrived).toHaveLength(400);
    expect(orderViolations(arrived)).toEqual([]);
    await expect(reasons()).resolves.toEqual([
      { reason: 'UNROUTABLE', attempts: 2, number_of_rows: 400 },
    ]);
  });

  it('blames only its own messages for an exchange that is deleted while it publishes', async () => {
    const queue = await declareQueue(broker, 'beside-exchange');
    const bound = await declareQueue(broker, 'bound');
    const exchange = broker.name('deleted');
    const channel = await broker.channel();
    await channel.assertExchange(exchange, 'fanout', { durable: true });
    await channel.bindQueue(bound, exchange, '');
    const { outbox, transactions, close } = await openOutboxApp(database, broker, {
      relay: { ...relay, window: 200, batchSize: 100 },
      retry: { attempts: 1 },
    });
    const through = numbered('x', 1_000, 200).map((one) => ({
      ...one,
      key: `x-${one.key}`,
      payload: { ...one.payload, key: `x-${one.key}` },
      exchange,
    }));
    const beside = numbered(queue, 1_000, 20);
    await transactions.run(() => outbox.add(through.flatMap((one, i) => [one, beside[i] ?? one])));
    await waitFor(async () => ((await broker.queue(bound))?.messages ?? 0) > 50, { intervalMs: 1 });
    await channel.deleteExchange(exchange);
    await emptied(database);
    await close();

    const arrived = await takeAll(broker, queue);
    expect(idsOf(arrived)).toHaveLength(1_000);
    expect(orderViolations(arrived)).toEqual([]);
    const before = await takeAll(broker, bound);
    expect(orderViolations(before)).toEqual([]);
    // The broker may take away the bindings a moment before the exchange.
    const parked = await reasons();
    const isExpected = ({ reason }: { readonly reason: unknown }): boolean =>
      reason === 'EXCHANGE_UNAVAILABLE' || reason === 'UNROUTABLE';
    expect(parked.filter((one) => !isExpected(one))).toEqual([]);
    expect(parked).toContainEqual(
      expect.objectContaining({ reason: 'EXCHANGE_UNAVAILABLE', attempts: 1 }),
    );
    const rows = await database.query<{ message_id: string; exchange: string }>(
      'select message_id, exchange from outbox_parked',
    );
    expect(new Set(rows.map((row) => row.exchange))).toEqual(new Set([exchange]));
    // One whose confirm was lost with the channel may be in both places, but none is in neither.
    const everywhere = new Set([...idsOf(before), ...rows.map((row) => row.message_id)]);
    expect(everywhere.size).toBe(1_000);
    await channel.close();
  });

  it('finds those for which the broker ends the whole connection, parks them, and publishes all the rest', async () => {
    const queue = await declareQueue(broker, 'beside-too-large');
    const { outbox, transactions, close } = await openOutboxApp(database, broker, {
      relay,
      retry: { attempts: 1 },
      amqpUrl: `${broker.url}${broker.url.includes('?') ? '&' : '?'}frameMax=8192`,
    });
    const good = numbered(queue, 300, 20);
    const bad = numbered(queue, 2, 2).map((one) => ({
      ...one,
      key: `bad-${one.key}`,
      headers: { trail: 'x'.repeat(10_000) },
    }));
    await transactions.run(() => outbox.add([...good.slice(0, 100), ...bad, ...good.slice(100)]));
    await emptied(database, 90_000);
    await close();
    const arrived = await takeAll(broker, queue);
    expect(idsOf(arrived)).toHaveLength(300);
    expect(orderViolations(arrived)).toEqual([]);
    await expect(reasons()).resolves.toEqual([
      { reason: 'INVALID', attempts: 1, number_of_rows: 2 },
    ]);
  });

  it('waits for a full queue where there is no other, at no cost in attempts, and in order', async () => {
    const full = await declareQueue(broker, 'full-alone', {
      arguments: { 'x-overflow': 'reject-publish', 'x-max-length': 10 },
    });
    const { outbox, transactions, log, close } = await openOutboxApp(database, broker, {
      relay,
      retry: { attempts: 1, backoff: 50, maxBackoff: 50 },
    });
    await transactions.run(() => outbox.add(numbered(full, 120, 12)));
    await waitFor(() => log.messages('warn').some((text) => text.includes('nack')));
    const arrived: ConsumeMessage[] = [];
    await waitFor(
      async () => {
        arrived.push(...(await takeAll(broker, full)));
        return idsOf(arrived).length === 120;
      },
      { deadlineMs: 90_000, intervalMs: 50, what: 'all messages through a full queue' },
    );
    await emptied(database);
    expect(orderViolations(arrived)).toEqual([]);
    await expect(outboxRows(database)).resolves.toEqual({ pending: 0, waiting: 0, parked: 0 });
    await close();
  });
});
