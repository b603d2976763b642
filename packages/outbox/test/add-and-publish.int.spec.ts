import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { OutboxTransactionRequiredError } from '@acme/nest-outbox';
import { beforeAll, describe, expect, it } from 'vitest';
import { openOutboxApp, outboxRows } from './support/outbox-app.js';
import { OUTBOX_DATABASES, type OutboxDatabase } from './support/outbox-database.js';

describe.each(OUTBOX_DATABASES)('a message that was added, on %s', (_, open) => {
  let database: OutboxDatabase;
  let broker: TestBroker;
  beforeAll(async () => {
    [database, broker] = await Promise.all([open(), testBroker()]);
  });

  async function queue(name: string): Promise<string> {
    const channel = await broker.channel();
    const queue = broker.name(name);
    await channel.assertQueue(queue, { durable: true });
    await channel.close();
    return queue;
  }

  it('arrives after the commit, and its row is gone', async () => {
    const routingKey = await queue('orders');
    const { outbox, transactions, close } = await openOutboxApp(database, broker);
    await transactions.run(() =>
      outbox.add({ type: 'order.placed.v1', payload: { id: 1 }, routingKey }),
    );
    const message = await waitFor(async () => (await broker.take(routingKey))[0]);
    expect(JSON.parse(message.content.toString())).toEqual({ id: 1 });
    expect(message.properties).toMatchObject({
      type: 'order.placed.v1',
      contentType: 'application/json',
      deliveryMode: 2,
    });
    await waitFor(async () => (await outboxRows(database))?.pending === 0);
    await close();
  });

  it('leaves nothing when the transaction is rolled back', async () => {
    const routingKey = await queue('rolled-back');
    const { outbox, transactions, relay, close } = await openOutboxApp(database, broker, {
      relay: { mode: 'off' },
    });
    const lost = transactions.run(async () => {
      await outbox.add({ type: 'order.placed.v1', payload: 1, routingKey });
      throw new Error('no');
    });
    await expect(lost).rejects.toThrow('no');
    await expect(relay.runOnce()).resolves.toMatchObject({ published: 0 });
    await expect(outboxRows(database)).resolves.toEqual({ pending: 0, waiting: 0, parked: 0 });
    await close();
  });

  it('counts as use of the transaction: an event is an effect', async () => {
    const { outbox, transactions, close } = await openOutboxApp(database, broker, {
      relay: { mode: 'off' },
    });
    const touched = transactions.run(async () => {
      await outbox.add({ type: 'order.placed.v1', payload: 1 });
      return transactions.touched;
    });
    await expect(touched).resolves.toBe(true);
    await close();
  });

  it('is refused outside a transaction', async () => {
    const { outbox, close } = await openOutboxApp(database, broker, { relay: { mode: 'off' } });
    const refused = outbox.add({ type: 'order.placed.v1', payload: 1 });
    await expect(refused).rejects.toThrow(OutboxTransactionRequiredError);
    await close();
  });
});
