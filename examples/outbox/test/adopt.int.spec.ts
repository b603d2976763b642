import 'reflect-metadata';
import { closeFixtures, openContext, openMicroservice, waitFor } from '@acme/internal-testing';
import { Controller, Module } from '@nestjs/common';
import { Ctx, EventPattern, Payload, RmqContext, Transport } from '@nestjs/microservices';
import type { Channel, ConsumeMessage } from 'amqplib';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { Users, UsersModule, userTable, type User } from '../src/adopt.js';
import { arrivals, openShop, payloadOf, typeOf } from './support/shop.js';

afterAll(closeFixtures);

let shop: Awaited<ReturnType<typeof openShop>>;
beforeEach(async () => {
  shop = await openShop();
  await shop.database.pool.query(userTable);
});

/** As the documents of Nest have it: it reads the envelope of Nest, and acknowledges by hand. */
async function openStockConsumer(queue: string): Promise<User[]> {
  const heard: User[] = [];
  @Controller()
  class UserConsumer {
    @EventPattern('user.created')
    created(@Payload() user: User, @Ctx() context: RmqContext): void {
      heard.push(user);
      (context.getChannelRef() as Channel).ack(context.getMessage() as ConsumeMessage);
    }
  }
  @Module({ controllers: [UserConsumer] })
  class ConsumerModule {}
  await openMicroservice(ConsumerModule, {
    transport: Transport.RMQ,
    options: {
      urls: [shop.broker.url],
      queue,
      queueOptions: { durable: true },
      prefetchCount: 10,
      noAck: false,
    },
  });
  return heard;
}

it('a publisher written for Nest and golevelup publishes in transactions, unchanged', async () => {
  const { broker, database, exchange, queue: everything } = shop;
  const queue = broker.name('user.events');
  const heard = await openStockConsumer(queue);
  const { app } = await openContext(
    UsersModule.with(database.pool, broker.url, { exchange, queue }),
  );
  const users = app.get(Users);
  await users.create({ id: 'u-1', name: 'Alice' });
  await expect(users.create({ id: 'u-1', name: 'Bob' })).rejects.toThrow('unique');
  await users.create({ id: 'u-2', name: 'Carol' });
  await users.rename({ id: 'u-1', name: 'Alice B.' });
  await waitFor(() => heard.length >= 2, { what: 'both users to be heard of' });
  expect(heard.map(({ name }) => name).sort()).toEqual(['Alice', 'Carol']);
  const [renamed] = await arrivals(broker, everything, 1);
  expect(renamed && [typeOf(renamed), payloadOf(renamed)]).toEqual([
    'user.renamed',
    { id: 'u-1', name: 'Alice B.' },
  ]);
});
