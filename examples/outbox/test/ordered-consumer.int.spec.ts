import { closeFixtures, openApp, waitFor } from '@acme/internal-testing';
import { DeadLetters, RabbitMqEvents, type RabbitMqEvent } from '@acme/nest-rabbitmq';
import { ReliableRmqServer } from '@acme/nest-rabbitmq/nest';
import { afterAll, expect, it } from 'vitest';
import { Bookings, LedgerModule, ledgerTables } from '../src/ledger.js';
import { openShop, publisherTo } from './support/shop.js';

afterAll(closeFixtures);

it('what the outbox numbers is handled in that order, and goes on in it after a message was parked and redriven', async () => {
  const { database, broker, exchange } = await openShop();
  const { pool, schema } = database;
  await pool.query(ledgerTables);
  await pool.query(`insert into account values ('a', 0), ('b', 0)`);
  const queue = broker.name('ledger');
  const dead = broker.name('ledger.dlq');
  const { app } = await openApp(
    LedgerModule.with(pool, schema, publisherTo(broker.url, exchange), broker.url),
    {
      microservices: [
        {
          strategy: new ReliableRmqServer({
            urls: [broker.url],
            queue,
            queueOptions: { arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 20 } },
            exchange,
            exchangeType: 'topic',
            routingKey: 'booking.#',
          }),
        },
      ],
      configure: (nest) => nest.init(),
    },
  );
  const told: RabbitMqEvent[] = [];
  const isOfOrder = ({ type }: RabbitMqEvent) =>
    type === 'out_of_sequence' || type.startsWith('key_');
  app.get(RabbitMqEvents).events$.subscribe((event) => void (isOfOrder(event) && told.push(event)));
  const bookings = async (account: string): Promise<number[]> => {
    const { rows } = await pool.query<{ amount: number }>(
      'select amount from booking where account = $1 order by seq',
      [account],
    );
    return rows.map(({ amount }) => amount);
  };

  // The third of "a" is not covered: that and what follows of "a" is parked.
  const amounts = [5, 10, -100, 20, 30];
  for (const amount of amounts)
    await app.get(Bookings).book([
      { account: 'a', amount },
      { account: 'b', amount: Math.abs(amount) },
    ]);
  await waitFor(async () => (await broker.queue(dead))?.messages === 3, { what: 'a stopped key' });
  await waitFor(async () => (await bookings('b')).length === 5, { what: 'the other key' });
  expect(await bookings('a')).toEqual([5, 10]);

  await pool.query(`update account set balance = balance + 100 where id = 'a'`);
  await app.get(DeadLetters).redrive(dead);
  await waitFor(async () => (await bookings('a')).length === 5, { what: 'the key going on' });
  expect(await bookings('a')).toEqual(amounts);
  expect(await bookings('b')).toEqual(amounts.map(Math.abs));
  await waitFor(() => told.length === 2);
  expect(told).toMatchObject([
    { type: 'key_stopped', queue },
    { type: 'key_resumed', queue },
  ]);
});
